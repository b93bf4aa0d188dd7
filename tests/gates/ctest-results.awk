# Read twice: ctest's log with --output-on-failure and --repeat until-pass. Prints what each test that failed in the end said,
# names those that passed on their second run only, and ends with ctest's own sums.
function name_of(line, words) {
    sub(/^.*Test +#[0-9]+: /, "", line)
    split(line, words, " ")
    return words[1]
}
FNR == 1 { pass++; at_end = 0 }
/^ *([0-9]+\/[0-9]+ +)?Test +#[0-9]+: / {
    name = name_of($0)
    is_good = / +Passed +[0-9.]+ sec/
    showing = 0
    if (pass == 1) {
        tries[name]++
        good[name] = is_good
    } else if (!is_good && !good[name]) {
        print
        showing = 1
    } else if (is_good && tries[name] > 1) {
        print "unsteady: " name " passed on the second run only"
    }
    next
}
/^ +Start +[0-9]+: / { showing = 0; next }
/^[0-9]+% tests passed/ { showing = 0; at_end = 1 }
pass == 2 && (showing || at_end)
END { if (!at_end) print "ctest did not come to its end: " FILENAME " has what it said" }
