# Makes the man page pipehost.1 out of what `pipehost --help` prints; -v version=X.Y.Z.
# A row of the help is two spaces, what is typed, two or more spaces, what it does; a row that begins with more spaces than
# that goes on with the text of the row above.

# Text in roff: nothing in it is a request, a hyphen is one that can be typed.
function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/^[.']/, "\\\\\\&&", text)
    return text
}
# Words as they are typed in bold, words in capitals (what stands for a value) in italics.
function typed(text,    words, count, i, out) {
    count = split(text, words, " ")
    for (i = 1; i <= count; i++) {
        out = out (i > 1 ? " " : "") (words[i] ~ /^\[?[A-Z\/=|.\]]+(\.(json|so))?[\].]*$/ ? "\\fI" : "\\fB") roff(words[i]) "\\fR"
    }
    return out
}
function section(name) { print ".SH " name; in_rows = 0 }

BEGIN {
    print ".\\\" Made from what pipehost --help prints."
    print ".TH PIPEHOST 1 \"\" \"pipehost " version "\" \"User Commands\""
    section("NAME")
    print "pipehost \\- runs a streaming pipeline that a manifest describes"
}
/^Usage: / {
    section("SYNOPSIS")
    sub(/^Usage: /, "")
    print typed($0)
    section("DESCRIPTION")
    print "One process runs one pipeline: sources, functions over the records, and sinks, each a shared object that the"
    print "manifest names. Rows and positions are committed together: nothing is lost, and nothing is written twice."
    next
}
/^[A-Z][a-z ]*:$/ { sub(/:$/, ""); section(toupper($0)); next }
/^  [^ ]/ {
    text = $0
    sub(/^  /, "", text)
    gap = match(text, /   */)
    left = gap ? substr(text, 1, RSTART - 1) : text
    right = gap ? substr(text, RSTART + RLENGTH) : ""
    print ".TP"
    print typed(left)
    if (right != "") { print roff(right) }
    next
}
/^   / { sub(/^ */, ""); print roff($0); next }
/^[A-Z][a-z ]*: / {
    name = $0
    sub(/: .*/, "", name)
    sub(/^[^:]*: /, "")
    section(toupper(name))
    print roff($0)
    next
}
/^$/ { next }
{ print roff($0) }

END {
    section("FILES")
    print ".TP"
    print "\\fI/etc/pipehost/NAME.json\\fR, \\fI/etc/pipehost/NAME.env\\fR"
    print "The manifest of the systemd unit \\fBpipehost@NAME.service\\fR, and its env file."
    print ".TP"
    print "\\fI../lib/pipehost/plugins\\fR beside the folder of the program"
    print "The plugins that come with it."
    section("SEE ALSO")
    print "The manifest and each plugin have pages in the folder \\fIshare/doc/pipehost/docs\\fR of the installation;"
    print "\\fBpipehost inspect\\fR prints what a plugin takes."
}
