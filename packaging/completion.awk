# Makes the completion for bash out of what `pipehost --help` prints: its commands, its options, and which of them want a
# file, a folder or one of some words.

/^Commands:$/ { part = "commands"; next }
/^Options:$/ { part = "options"; next }
/^$/ || /^[^ ]/ { part = ""; next }
part == "commands" && /^  [a-z]/ {
    commands = commands " " $1
    if ($2 ~ /\|/) {
        gsub(/\|/, " ", $2)
        choices = choices "    " $1 ")\n        COMPREPLY=($(compgen -W '" $2 "' -- \"$word\"))\n        return\n        ;;\n"
    }
}
part == "options" && /^  -/ {
    text = $0
    sub(/^  /, "", text)
    sub(/   *.*/, "", text)
    sub(/^-[a-z], /, "", text)
    count = split(text, words, " ")
    options = options " " words[1]
    if (count < 2) { next }
    if (words[2] ~ /\|/) {
        gsub(/\|/, " ", words[2])
        choices = choices "    " words[1] ")\n        COMPREPLY=($(compgen -W '" words[2] "' -- \"$word\"))\n        return\n        ;;\n"
    } else if (words[2] ~ /^DIR/) {
        folders = folders (folders == "" ? "" : " | ") words[1]
    } else if (words[2] ~ /FILE/) {
        files = files (files == "" ? "" : " | ") words[1]
    } else {
        others = others (others == "" ? "" : " | ") words[1]
    }
}
function arm(names, action) {
    if (names != "") { printf "    %s)\n        %s\n        return\n        ;;\n", names, action }
}
END {
    print "# bash completion for pipehost; made from what pipehost --help prints."
    print "# shellcheck shell=bash disable=SC2207 # a word of a reply has no blanks but in a file's name"
    print "_pipehost() {"
    print "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
    print "    COMPREPLY=()"
    print "    case $before in"
    printf "%s", choices
    arm(folders, "mapfile -t COMPREPLY < <(compgen -d -- \"$word\")")
    arm(files, "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")")
    arm(others, ":")
    print "    esac"
    print "    if [[ $word == -* ]]; then"
    print "        COMPREPLY=($(compgen -W '" substr(options, 2) "' -- \"$word\"))"
    print "        return"
    print "    fi"
    print "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")"
    print "    if [ \"$COMP_CWORD\" = 1 ]; then"
    print "        COMPREPLY+=($(compgen -W '" substr(commands, 2) "' -- \"$word\"))"
    print "    fi"
    print "}"
    print "complete -o filenames -F _pipehost pipehost"
}
