#!/bin/bash
# run.sh PIPEHOST SOURCE GOLDEN PLUGINS: the example plugins and the scalar UDFs of scalars.c in the real host.
set -u -o pipefail

pipehost=$1 source=$2 golden=$3 plugins=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf -- "$work"' EXIT
chmod 755 "$work"
status=0

# run [ARG...]: standard output into out, the rest into err, the exit code into code.
run() {
    "$pipehost" -q "$@" --set "/state_dir=$work/state" >"$work/out" 2>"$work/err" </dev/null
    code=$?
}

# check CODE WHAT: of the last run.
check() {
    if [ "$code" != "$1" ]; then
        printf '%s: exit code %s, not %s\n' "$2" "$code" "$1"
        head -n 20 "$work/out" "$work/err"
        status=1
    fi
}

same() {
    if ! diff -u --label "$2" --label "it is" "$2" "$3" >"$work/diff"; then
        printf '%s\n' "$1"
        head -n 20 "$work/diff" | cut -c -300
        status=1
    fi
}

run "$source/examples/try.json"
check 0 'try.json'
same 'try.json' "$golden/try.out" "$work/out"

sed 's/"plugin": "sink-terminal"/&, "format": { "json": { "timestamps": "sql" } }/' "$source/examples/try.json" >"$work/sql.json"
cp "$source/examples/try.jsonl" "$work"
run "$work/sql.json"
check 0 'a format of the sink'
sed -E 's/("seen":"[0-9-]*)T([0-9:.]*)Z/\1 \2/' "$golden/try.out" >"$work/expected"
same 'a format of the sink' "$work/expected" "$work/out"

run "$source/examples/try.json" --set /parallelism=3
check 0 'try.json in three lanes'
same 'try.json in three lanes' "$golden/try.out" "$work/out"

cat >"$work/many.json" <<'END'
{ "pipeline": "many",
  "operators": [
    { "name": "lines", "plugin": "source-file", "config": { "path": "many.jsonl" },
      "format": { "json": { "fields": { "n": "int64" } } } },
    { "name": "out", "plugin": "sink-terminal", "input": "lines" } ],
  "dead_letter": { "file": "dead.jsonl" } }
END
seq 100000 | sed 's/.*/{"n":&}/' >"$work/many.jsonl"
run "$work/many.json"
check 0 '100,000 lines'
same '100,000 lines, in their order' "$work/many.jsonl" "$work/out"

# A line above record.max_bytes is set aside, its neighbours are not harmed.
{
    printf '{"n":1}\n{"n":"'
    head -c 2000000 /dev/zero | tr '\0' x
    printf '"}\n{"n":3}\n'
} >"$work/many.jsonl"
run "$work/many.json"
check 0 'a long line'
printf '{"n":1}\n{"n":3}\n' >"$work/expected"
same 'a long line' "$work/expected" "$work/out"
if [ "$(grep -c '"offset":8,"code":"too_large"' "$work/dead.jsonl")" != 1 ]; then
    printf 'the long line is no dead letter:\n'
    cut -c -300 "$work/dead.jsonl"
    status=1
fi

run "$work/many.json" --set out/plugin=sink-null
check 0 'sink-null'
same 'sink-null' /dev/null "$work/out"

rm "$work/many.jsonl"
run "$work/many.json"
check 78 'a file that is not there'
grep -q "many.jsonl cannot be opened: No such file or directory" "$work/err" || {
    printf 'a file that is not there is not named:\n'
    cat "$work/err"
    status=1
}

# Rows are dropped, set aside and null; then by a filter.
cat >"$work/words.json" <<'END'
{ "pipeline": "words",
  "operators": [
    { "name": "lines", "plugin": "source-file", "config": { "path": "words.jsonl" },
      "format": { "json": { "fields": { "word": "string" } } } },
    { "name": "judge", "plugin": "sdk_scalars:judge", "input": "lines", "config": { "column": "word", "as": "same" } },
    { "name": "out", "plugin": "sink-terminal", "input": "judge" } ],
  "dead_letter": { "file": "words.dead.jsonl" } }
END
# words: a1, d2, n3, r4, a5, d6, … 20,000 of them
seq 20000 | awk '{ printf "{\"word\":\"%s%d and as much as a view does not hold\"}\n", substr("adnr", ($1 - 1) % 4 + 1, 1), $1 }' \
    >"$work/words.jsonl"
run "$work/words.json" --plugin-dir "$plugins"
check 0 'verdicts'
sed -nE -e 's/^\{("word":)("a.*")\}$/{\1\2,"same":\2}/p' -e 's/^(\{"word":"n.*")\}$/\1,"same":null}/p' "$work/words.jsonl" \
    >"$work/expected"
same 'verdicts' "$work/expected" "$work/out"
if [ "$(grep -c '"code":"bad_word","reason":"begins with r"' "$work/words.dead.jsonl")" != 5000 ]; then
    printf 'not every rejected row is a dead letter once\n'
    status=1
fi

rm "$work/words.dead.jsonl"
sed -i 's/judge", "input": "lines", .*}/keep", "input": "lines", "config": { "column": "word" } }/' "$work/words.json"
run "$work/words.json" --plugin-dir "$plugins"
check 0 'a filter'
grep -v '"[dr]' "$work/words.jsonl" >"$work/expected"
same 'a filter' "$work/expected" "$work/out"

# 40 MB of results are more than the operator's reserve: it waits for the sink.
sed -i 's/keep", "input": "lines", .*}/blow-up", "input": "lines", "config": { "column": "word", "as": "large" } }/' \
    "$work/words.json"
run "$work/words.json" --plugin-dir "$plugins"
check 0 'large results'
if [ "$(grep -cE '"large":"x{2000}"\}$' "$work/out")" != 20000 ]; then
    printf 'large results: not every row came whole\n'
    status=1
fi

run validate "$source/examples/try.json" --set upper/config/column=visits
check 78 'a column of the wrong type'
grep -q 'column "visits" is int32, but the function reads string' "$work/err" || {
    printf 'the wrong type is not said:\n'
    cat "$work/err"
    status=1
}

exit "$status"
