#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line as a user sees it. Usage: cases.sh PIPEHOST STAGE_PLUGINS JSON_LINES
# shellcheck disable=SC2016 # what looks like an expansion is the text that is expected
set -u

PIPEHOST=$1
PLUGINS=$2
JSON_LINES=$3
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
cd "$DIR" || exit 1
FAILED=0

# check NAME STATUS EXPECTED_STDOUT EXPECTED_STDERR ARG...; what is expected is a bash pattern, @ stands for the folder.
check() {
    local name=$1 status=$2 out=${3//@/$DIR} err=${4//@/$DIR} got=0
    shift 4
    timeout 120 "$PIPEHOST" "$@" >out.txt 2>err.txt || got=$?
    # shellcheck disable=SC2053 # patterns
    if [ "$got" != "$status" ] || [[ "$(cat out.txt)" != $out ]] || [[ "$(cat err.txt)" != $err ]]; then
        FAILED=$((FAILED + 1))
        printf 'FAILED %s: exit status %s (expected %s)\n' "$name" "$got" "$status"
        printf -- '--- stdout, expected:\n%s\n--- stdout:\n%s\n' "$out" "$(cat out.txt)"
        printf -- '--- stderr, expected:\n%s\n--- stderr:\n%s\n' "$err" "$(cat err.txt)"
    fi
}

TRY=$'\nTry "pipehost --help".'

HELP='Usage: pipehost \[COMMAND\] FILE \[OPTION...\]

Commands:
  run MANIFEST.json          run a pipeline (the word "run" may be left out)
  validate MANIFEST.json     check a manifest, its plugins and their configuration; uses no network
  check MANIFEST.json        try every connection, and show the first records; writes nothing
  inspect PLUGIN             print what a plugin is, takes and counts; PLUGIN is a file or a name
  plugin list                print the plugins that a manifest may name, and the files that are refused
  status \[PIPELINE\]          print what a running pipeline does, by its name or manifest; without a name: every pipeline of this user
  deadletter list FILE       count the dead letters of a file and its older ones, by operator and reason
  deadletter show FILE       print them in full
  deadletter replay MANIFEST.json \[FILE\]
                             send their records through what is behind the operator that set them aside
  deadletter discard FILE    take them out of the file, into FILE.discarded
  positions show|set|reset|rename MANIFEST.json
                             print or change where the sinks of a stopped pipeline go on

Options:
  --env-file FILE                  read ${VARIABLES} from FILE too; the environment wins (repeatable, the last counts)
  --plugin-dir DIR                 look for plugins in DIR first (repeatable)
  --set OPERATOR/POINTER=VALUE     change one value of the manifest, "events/config/topic=t" or "/parallelism=3" (repeatable)
  --log-format text|json           how lines on stderr look
  --fail-on-dead-letter            exit 1 when a record was set aside
  --live                           show the live view also with --quiet or a JSON log
  --no-live                        show no live view on a terminal
  --metrics-listen \[ADDR:\]PORT     serve /metrics, /health and /ready by HTTP, on loopback unless ADDR is given
  --to-terminal                    print the rows instead of writing them to the sinks; keeps no positions and writes no file
  --limit N                        with --to-terminal: end after N rows of each sink; deadletter show: the first N
  -v, --verbose                    say more
  -q, --quiet                      say only warnings and errors
  --state-dir DIR                  the state_dir of the pipeline to ask
  --print                          print the manifest with variables and --set in place and defaults filled in, secrets as ***
  --json                           print JSON
  --markdown                       print a reference page
  --operator NAME                  only letters of this operator
  --until TIME                     only letters up to this time, as they tell it
  --yes                            confirm deadletter discard
  --sink NAME                      the positions of this sink only
  --partition \[TOPIC/\]N            this partition only
  --to PLACE                       with set: earliest, latest, an offset, or a time as startup_timestamp takes it
  --from PIPELINE                  with rename: the pipeline'"'"'s former name
  --dry-run                        print what would change, and change nothing
  -h, --help                       print this and exit
  --version                        print the version and exit

Signals: SIGTERM and SIGINT commit what is on its way and exit 0; a second one stops at once.
Exit codes: 0 done, 1 failure, 64 usage, 75 runs already, 77 taken over by another process,
78 wrong configuration.'

# ---- usage

check help 0 "$HELP" '' --help
check help-short 0 "$HELP" '' -h
check help-of-a-command 0 "$HELP" '' validate --help
check help-beside-nonsense 0 "$HELP" '' a.json --help b.json
check version 0 'pipehost [0-9]*.[0-9]*.[0-9]* (ABI [0-9]*.[0-9]*)' '' --version
check help-as-a-word 0 "$HELP" '' help
check help-of-a-word 0 "$HELP" '' help validate
check nothing 64 '' "pipehost: name a manifest: pipehost run MANIFEST.json$TRY"
check no-manifest 64 '' "pipehost: name a manifest: pipehost validate MANIFEST.json$TRY" validate
check no-manifest-to-check 64 '' "pipehost: name a manifest: pipehost check MANIFEST.json$TRY" check
check no-module 64 '' "pipehost: name a plugin: pipehost inspect PLUGIN$TRY" inspect
check mistyped-command 64 '' "pipehost: there is no command and no file valdate, did you mean \"validate\"[?]$TRY" valdate try.json
check mistyped-command-alone 64 '' "pipehost: there is no command and no file statsu, did you mean \"status\"[?]$TRY" -v statsu
check no-command 64 '' "pipehost: there is no command and no file nonsense$TRY" nonsense
printf '{}' >bare
check file-without-an-end 78 '' 'bare:1:1: *' bare
check metrics-listen 64 '' "pipehost: --metrics-listen foo: give PORT for loopback, ADDRESS:PORT or \[ADDRESS\]:PORT, with a numeric address$TRY" a.json --metrics-listen foo
check deadletter-what 64 '' "pipehost: deadletter list, show, replay or discard, not look$TRY" deadletter look dead.jsonl
check deadletter-nothing 64 '' "pipehost: write pipehost deadletter list|show|discard FILE, or deadletter replay MANIFEST.json \[FILE\]$TRY" deadletter list
check deadletter-when 64 '' "pipehost: --until is a time like 2026-01-31T12:00:00.123456Z, not noon$TRY" deadletter list f --until noon
check deadletter-until 64 '' "pipehost: a replay has no --until$TRY" deadletter replay a.json --until 2026-01-31T12:00:00Z
check deadletter-nowhere 78 '' 'pipehost: there is no file nowhere.jsonl, nor nowhere.jsonl.1' deadletter list nowhere.jsonl
check deadletter-really 64 '' 'pipehost: nothing was discarded: add --yes, or look first with deadletter list nowhere.jsonl' deadletter discard nowhere.jsonl
check two-files 64 '' "pipehost: one file at a time; unexpected argument b.json$TRY" a.json b.json
check unknown-option 64 '' "pipehost: unrecognized option '--nope'$TRY" a.json --nope
check unknown-letter 64 '' "pipehost: invalid option -- 'z'$TRY" a.json -z
check no-argument 64 '' "pipehost: option '--set' requires an argument$TRY" a.json --set
check wrong-command 64 '' "pipehost: this command does not take --set$TRY" inspect a.so --set a=b
check json-of-run 64 '' "pipehost: this command does not take --json$TRY" a.json --json
check log-format 64 '' "pipehost: --log-format is text or json, not xml$TRY" a.json --log-format xml
many=()
for i in $(seq 65); do many+=(--set "/x=$i"); done
check too-many 64 '' "pipehost: too many --set options (at most 64)$TRY" a.json "${many[@]}"

# ---- inspect

printf '#!/bin/sh\n' >script.so
check not-elf 1 '' 'pipehost: *script.so: not an ELF file: *' inspect script.so
check no-file 1 '' 'pipehost: ./none.so: cannot be opened: No such file or directory' inspect ./none.so
check no-name 1 '' 'pipehost: no plugin "none": name the folder of none.so with --plugin-dir; it is not in *' inspect none.so
check inspect-name 0 '*source*numbered records*partitions*' '' inspect stage --plugin-dir "$PLUGINS"
check inspect-name-so 0 '*source*numbered records*partitions*' '' inspect stage.so --plugin-dir "$PLUGINS"
mkdir open
cp "$PLUGINS/stage.so" open/
chmod 777 open/stage.so
check inspect-untrusted 1 '' 'pipehost: @/open/stage.so: not loaded: it is writable by everybody (mode 0777): *' inspect open/stage.so
check inspect 0 '*source*numbered records*partitions*' '' inspect "$PLUGINS/stage.so"
check inspect-json 0 '\{*"id"*"source"*\}' '' inspect "$PLUGINS/stage.so" --json
check inspect-markdown 0 '#*`partitions`*' '' inspect --markdown "$PLUGINS/stage.so"

# ---- plugin list

mkdir many empty
cp "$PLUGINS/stage.so" many/
printf 'nothing' >many/broken.so
printf 'nothing' >many/.hidden.so
ln -s nowhere many/dangling.so
check list 0 'stage:source     source    1        numbered records (@/many/stage.so)
*stage:sink       sink *
*refused: @/many/broken.so: not an ELF file: *
*refused: many/dangling.so: leads nowhere*
*refused: @/open/stage.so: not used: an earlier folder has a stage.so' '' plugin list --plugin-dir empty --plugin-dir many --plugin-dir "$DIR/open"
check list-built-in 0 '*source-file * source * (*/lib/pipehost/plugins/source-file.so)*' '' plugin list
check list-json 0 '\{"plugins":\[\{"name":"*"kind":"*"version":"*"summary":"*"path":"*"\}*\],"refused":\[\{"path":"many/broken.so","reason":"*"\}*\]\}' '' \
    plugin list --json --plugin-dir many
"$JSON_LINES" <out.txt || { echo 'FAILED list-json: not JSON'; FAILED=$((FAILED + 1)); }
check list-what 64 '' "pipehost: write pipehost plugin list$TRY" plugin
check list-what-else 64 '' "pipehost: write pipehost plugin list$TRY" plugin lst
check no-plugin-dir 64 '' "pipehost: --plugin-dir nosuchdir: No such file or directory$TRY" a.json --plugin-dir nosuchdir
check plugin-dir-file 64 '' "pipehost: --plugin-dir script.so: Not a directory$TRY" a.json --plugin-dir script.so

# ---- validate and run

truncate -s 800M stage.bin
cat >good.json <<'END'
{ "pipeline": "good", "state_dir": "state", "operators": [
  { "name": "s0", "plugin": "stage:source", "config": { "stage": "stage.bin", "slot": 0, "records": 5 },
    "format": { "json": { "fields": { "n": "int64" } } } },
  { "name": "k", "plugin": "stage:sink", "input": "s0", "config": { "stage": "stage.bin", "slot": 1 } } ] }
END
sed 's/"records"/"rekords"/' good.json >typo.json
printf '{ "pipeline": "p", \n' >cut.json

check validate 0 'good.json: good is valid: 2 operators' '' validate good.json --plugin-dir "$PLUGINS"
[ ! -e state ] || { echo 'FAILED validate: it left a state_dir'; FAILED=$((FAILED + 1)); }
check validate-typo 78 '' 'typo.json:2:90: /operators/0/config/rekords: unknown key "rekords", did you mean "records"[?]*' \
    validate typo.json --plugin-dir "$PLUGINS"
check run-typo 78 '' 'typo.json:2:90: /operators/0/config/rekords: unknown key "rekords", did you mean "records"[?]*' \
    typo.json --plugin-dir "$PLUGINS"
sed 's/"input": "s0"/&, "format": { "json": { "timestamps": "sql" } }/' good.json >format.json
check format-of-a-sink-without-text 78 '' 'format.json:*: /operators/1/format: k: this sink writes no text and takes no format: leave it out*' \
    validate format.json --plugin-dir "$PLUGINS"
sed 's/"fields": {/"timestamps": "sql", &/' good.json >format.json
check format-of-a-sink-at-a-source 78 '' 'format.json:*: /operators/0/format/json: s0: timestamps and json_columns are for sinks*' \
    validate format.json --plugin-dir "$PLUGINS"
check validate-syntax 78 '' 'cut.json:*' validate cut.json
check no-such-manifest 78 '' 'cannot read the manifest "none.json": No such file or directory' none.json
check no-such-plugin 78 '' '*/operators/0/plugin: *stage*' validate good.json
check run 0 '' '*info: good: done after * s; 5 records in, 5 rows committed, 0 set aside' good.json --plugin-dir "$PLUGINS"
check run-again 0 '' '*1 partition goes on where its sinks stand*info: good: done after * s; 0 records in, 0 rows committed, 0 set aside' \
    run good.json --plugin-dir "$PLUGINS"
check status-of-none 1 '' 'pipehost: good does not run: nobody answers in *state' status good.json
check positions-of-nothing 64 '' "pipehost: write pipehost positions show, set, reset or rename, then the manifest$TRY" positions
check positions-of-no-action 64 '' "pipehost: write pipehost positions show, set, reset or rename, then the manifest$TRY" positions good.json
check positions-without-file 64 '' "pipehost: name a manifest: pipehost positions show|set|reset|rename MANIFEST.json$TRY" positions show
check positions-to-nowhere 64 '' "pipehost: --to goes with positions set$TRY" positions set good.json
check positions-from-nobody 64 '' "pipehost: --from goes with positions rename$TRY" positions rename good.json
check positions-partition 64 '' 'pipehost: --partition is N or TOPIC/N, not x' positions show good.json --partition x
check positions-offset 64 '' 'pipehost: --to 5 is of one partition: name it by --partition' positions set good.json --to 5
check positions-sink 78 '' 'pipehost: --sink nobody: the manifest has no such sink that keeps positions' positions show good.json --sink nobody --plugin-dir "$PLUGINS"
check status-of-nothing 64 '' 'pipehost: this command does not take --state-dir*' good.json --state-dir x
check quiet 0 '' '' -q good.json --plugin-dir "$PLUGINS"
check verbose 0 '' '*debug: s0: topic/0 begins at offset 5*' good.json -v --plugin-dir "$PLUGINS"
check json-log 0 '' '\{"time":"*"level":"info"*\}' good.json --log-format json --plugin-dir "$PLUGINS"
check set 0 '' '*info: other: done after *' good.json --set /pipeline=other --plugin-dir "$PLUGINS"

# ---- where dead letters go

printf 'notes\n' >notes.txt
for command in validate check run; do
    check "letters-into-notes-$command" 78 '' '*good.json: --set /dead_letter/file: @/notes.txt holds something else than dead letters, which would be spoilt: name another file, or move that one away*' \
        "$command" good.json --set /dead_letter/file=notes.txt --plugin-dir "$PLUGINS"
    check "letters-below-a-file-$command" 78 '' '*good.json: --set /dead_letter/file: the folder of the dead-letter file @/notes.txt/a/d.jsonl cannot be made: Not a directory*' \
        "$command" good.json --set /dead_letter/file=notes.txt/a/d.jsonl --plugin-dir "$PLUGINS"
    check "letters-into-a-folder-$command" 78 '' '*good.json: --set /dead_letter/file: the dead-letter file @/state cannot be written: Is a directory*' \
        "$command" good.json --set /dead_letter/file=state --plugin-dir "$PLUGINS"
done
sed 's/"operators"/"dead_letter": { "file": "notes.txt" }, &/' good.json >letters.json
check letters-at-their-place 78 '' 'letters.json:1:70: /dead_letter/file: @/notes.txt holds something else than dead letters*' \
    check letters.json --plugin-dir "$PLUGINS"
check letters-in-a-folder-to-come 0 'good.json: good is valid: 2 operators' '' \
    validate good.json --set /dead_letter/file=new/folder/d.jsonl --plugin-dir "$PLUGINS"
[ ! -e new ] || { echo 'FAILED validate: it made the folder of the dead letters'; FAILED=$((FAILED + 1)); }
check letters-in-a-new-folder 0 '' '*info: good: done after *' good.json --set /dead_letter/file=new/folder/d.jsonl --plugin-dir "$PLUGINS"

printf 'P=one\nQ=one\n' >one.env
printf 'P=two\n' >two.env
chmod 600 one.env two.env
check env-files 0 'good.json: two-one is valid: 2 operators' '' \
    validate good.json --set '/pipeline=${P}-${Q}' --env-file one.env --env-file two.env --plugin-dir "$PLUGINS"

# ---- validate --print

cat >print.json <<'END'
{ "pipeline": "print", "description": "not for hunter2hunter2", "state_dir": "s", "parallelism": "${LANES:-2}", "operators": [
  { "name": "e", "plugin": "source-kafka", "on_error": "skip",
    "config": { "brokers": "b:1", "topic": "t",
                "rdkafka": { "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "${KEY}", "sasl.password": "${PW}" } },
    "format": { "json": { "fields": { "ip": "string" } } } },
  { "name": "rows", "plugin": "sink-postgres", "input": "e",
    "config": { "dsn": "postgresql://u:${PW}@h/db", "password": "${PW}", "table": "t" } } ] }
END
export KEY=the-key PW=hunter2hunter2
check print 0 '\{
  "pipeline": "print",
  "description": "not for \*\*\*",
  "state_dir": "@/s",
  "parallelism": 3,
  "operators": \[*"on_error": "skip",*"brokers": "b:1"*"sasl.username": "\*\*\*",*"sasl.password": "\*\*\*"*"dsn": "postgresql://u:\*\*\*?h/db",*"password": "\*\*\*"*"on_error": "dead_letter"*\],
  "linger_ms": 0,*"interval_ms": 10000*"timeout_ms": 30000*"dead_letter": \{*"stop_above_percent": 50,
    "file": "@/s/dead.jsonl"*\}' '' validate --print print.json --set /parallelism=3
! grep -qE 'the-key|hunter2' out.txt || { echo 'FAILED print: a secret is shown'; FAILED=$((FAILED + 1)); }
tr -d '\n' <out.txt | "$JSON_LINES" || { echo 'FAILED print: not JSON'; FAILED=$((FAILED + 1)); }
cp out.txt again.json
check print-again 0 "$(sed 's/[][*\\?{}]/\\&/g; s/@/?/g' out.txt)" '*a secret stands in the manifest*' validate --print again.json
unset KEY PW

# A secret may be a word like any other: what stands in the manifest itself is not touched, and what is printed can be read again.
cat >words.json <<'END'
{ "pipeline": "process-events", "state_dir": "events", "description": "for events", "operators": [
  { "name": "events", "plugin": "source-kafka",
    "config": { "brokers": "${URL}", "topic": "bootcamp-events-${STAGE}", "group": "${KEY}",
                "rdkafka": { "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "${KEY}", "sasl.password": "${PW}" } },
    "format": { "json": { "fields": { "ip": "string" } } } },
  { "name": "postgres", "plugin": "sink-postgres", "input": "events",
    "config": { "dsn": "${DSN}", "user": "postgres", "password": "${PW}", "table": "${SCHEMA:-public}.${KEY}" } } ],
  "dead_letter": { "file": "letters/${PW}/postgres.jsonl" } }
END
export KEY=events PW=postgres URL=events.example:9092 STAGE=events-prod DSN=jdbc:postgresql://127.0.0.1:1/postgres SCHEMA=''
check print-words 0 '\{
  "pipeline": "process-events",*"state_dir": "@/events",
  "description": "for \*\*\*",*
      "name": "events",
      "plugin": "source-kafka",*"brokers": "events.example:9092",*"topic": "bootcamp-events-events-prod",*"group": "\*\*\*",*
      "name": "postgres",
      "plugin": "sink-postgres",
      "input": "events",*"dsn": "jdbc:postgresql://127.0.0.1:1/postgres",*"user": "postgres",*"password": "\*\*\*",*"table": "public.\*\*\*"*
    "file": "@/letters/\*\*\*/postgres.jsonl",*' '' validate --print words.json
cp out.txt again.json
check print-words-again 0 'again.json: process-events is valid: 2 operators' '*' validate again.json
check print-words-set 0 '*"dsn": "host=h dbname=postgres password=\*\*\*",*' '' validate --print words.json --set 'postgres/config/dsn=host=h dbname=postgres password=${PW}'
# A secret in state_dir, where the letters go by default; and one that two variables make.
sed -e '/"dead_letter"/d' -e 's/"${SCHEMA:-public}.${KEY}" } } \],/"t" } } ] }/' -e 's/"state_dir": "events"/"state_dir": "${PW}"/' \
    -e 's/"group": "${KEY}"/"group": "${STAGE}-${PW}"/; s/"sasl.password": "${PW}"/"sasl.password": "${STAGE}-${PW}"/' words.json >made.json
check print-made 0 '*"state_dir": "@/\*\*\*",*"group": "\*\*\*",*"file": "@/\*\*\*/dead.jsonl"*' '*a secret stands in the manifest itself*' validate --print made.json
unset KEY PW URL STAGE DSN SCHEMA

# ---- errors as JSON, each with its place

# Every line of the last check's stderr is an object.
all_json() {
    "$JSON_LINES" <err.txt || { printf 'FAILED %s: the log is not JSON\n' "$1"; FAILED=$((FAILED + 1)); }
}
check json-typo 78 '' '\{"time":"*","level":"error","text":"typo.json:2:90: /operators/0/config/rekords: unknown key \\"rekords\\", did you mean \\"records\\"[?]","file":"typo.json","line":2,"column":90,"pointer":"/operators/0/config/rekords","operator":"s0"\}' \
    typo.json --log-format json --plugin-dir "$PLUGINS"
all_json json-typo
check json-syntax 78 '' '*"text":"cut.json:*"line":*' validate cut.json --log-format json
all_json json-syntax
check json-no-manifest 78 '' '*"level":"error","text":"cannot read the manifest \\"none.json\\": No such file or directory"\}' none.json --log-format json
all_json json-no-manifest
check json-warning 0 'good.json: good is valid: 2 operators' '*"level":"warning","text":"*every 50 ms costs*"pointer":"/checkpoint/interval_ms"\}' \
    validate good.json --set /checkpoint/interval_ms=50 --log-format json --plugin-dir "$PLUGINS"
all_json json-warning

# What only the start can find stands at its place too.
cat >gone.json <<'END'
{ "pipeline": "gone", "state_dir": "state-gone", "operators": [
  { "name": "a", "plugin": "source-file",
    "config": { "path": "nothere.jsonl" }, "format": { "json": { "fields": { "n": "int64" } } } },
  { "name": "t", "plugin": "sink-terminal", "input": "a" } ] }
END
check start-place 78 '' '*error: gone.json:3:25: /operators/0/config/path: a: *nothere.jsonl cannot be opened: *' gone.json
check start-place-json 78 '' '*"level":"error","text":"gone.json:3:25: /operators/0/config/path: a: *","file":"gone.json","line":3,"column":25,"pointer":"/operators/0/config/path","operator":"a"\}*' \
    gone.json --log-format json
all_json start-place-json

# A secret that looks like a number leaves the numbers of the log alone.
for i in $(seq 2024); do echo '{}'; done >number.jsonl
cat >number.json <<'END'
{ "pipeline": "number", "state_dir": "state-number", "operators": [
  { "name": "a", "plugin": "source-file", "config": { "path": "number.jsonl" },
    "format": { "json": { "fields": { "ip": "string" } } } },
  { "name": "u", "plugin": "udf-geolocate", "input": "a", "config": { "endpoint": "http://127.0.0.1:1/", "key": "${K}" } },
  { "name": "n", "plugin": "sink-null", "input": "u" } ] }
END
export K=2024
check json-number 0 '' '*"in":2024,*' number.json --log-format json
all_json json-number
unset K

# A secret that is a word spoils neither the names in front of a line nor what the host itself says.
sed -e 's/"pipeline": "number"/"pipeline": "my-secret"/' -e 's/"name": "a"/"name": "secret"/; s/"input": "a"/"input": "secret"/' number.json >secret.json
export K=secret
check word-in-the-log 0 '' '* info: secret: 2024 in, *info: my-secret: done after *' secret.json
! grep -q '\*' err.txt || { echo 'FAILED word-in-the-log: a name is hidden'; FAILED=$((FAILED + 1)); }
check word-in-the-log-json 0 '' '*"operator":"secret","text":*"text":"my-secret: done after *' secret.json --log-format json --set /state_dir=state-secret
all_json word-in-the-log-json
sed 's/"${K}"/"secret"/' secret.json >literal.json
check word-in-a-sentence 0 'literal.json: my-secret is valid: 3 operators' 'warning: literal.json:4:118: /operators/1/config/key: a secret stands in the manifest itself; write "${U_KEY}" and set that variable
    *"key": "\*\*\*" } },
*^' validate literal.json
check word-in-a-sentence-json 0 'literal.json: *' '*"text":"literal.json:4:118: /operators/1/config/key: a secret stands in the manifest itself; *"pointer":"/operators/1/config/key","operator":"u"\}' \
    validate literal.json --log-format json
all_json word-in-a-sentence-json
check word-in-an-error 78 '' '*: a secret on the command line is seen by everybody on this machine; *' validate secret.json --set u/config/key=secret
check word-that-is-given 78 '' '*: --set u/config/\*\*\*: unknown key "\*\*\*"*' validate secret.json --set u/config/secret=1
check word-that-is-given-json 78 '' '*"pointer":"/operators/1/config/\*\*\*"*' validate secret.json --set u/config/secret=1 --log-format json
unset K

# ---- a stderr that nobody reads stops neither data nor signals

# until_true COMMAND...: asks again for 60 s.
until_true() {
    local end=$((SECONDS + 60))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        read -r -t 0.02 <>pause
    done
    return 0
}
# SIGTERM but not SIGUSR1: a thread that is being made blocks all. The shell blocks SIGTERM too before it becomes pipehost.
blocks_sigterm() {
    local mask
    [ "$(readlink "/proc/$1/exe")" = "$(readlink -f "$PIPEHOST")" ] || return 1
    mask=$(sed -n 's/^SigBlk:[[:space:]]*//p' "/proc/$1/status") && [ $((16#$mask & 16#4200)) = $((16#4000)) ]
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }

mkfifo pause full
exec 5<>full
head -c 65536 /dev/zero >&5
timeout 120 "$PIPEHOST" good.json -v --set /pipeline=stalled --plugin-dir "$PLUGINS" 2>&5 ||
    { echo "FAILED stalled: a bounded run ends with $?"; FAILED=$((FAILED + 1)); }
"$PIPEHOST" good.json -v --set /pipeline=endless --set s0/config/end=false --plugin-dir "$PLUGINS" 2>&5 &
pid=$!
until_true blocks_sigterm $pid || { echo 'FAILED stalled: it did not begin'; FAILED=$((FAILED + 1)); }
kill -TERM $pid
until_true is_gone $pid || { echo 'FAILED stalled: SIGTERM is not heard'; FAILED=$((FAILED + 1)); kill -KILL $pid; }
wait $pid ||
    { echo "FAILED stalled: the drained pipeline ends with $?"; FAILED=$((FAILED + 1)); }
exec 5>&-

if [ "$FAILED" != 0 ]; then
    printf '%s cases failed\n' "$FAILED"
    exit 1
fi
