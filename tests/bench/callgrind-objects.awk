# Sums a callgrind file by object: "INSTRUCTIONS OBJECT". An object's sum is what it runs itself and what it runs in libc
# to copy, compare or search memory (mem*, str*), which is otherwise left out of libc's own sum by nobody: libc's line is
# all that libc ran, for whomever.
function name(text, table,    id) {
    if (match(text, /^\([0-9]+\)/)) {
        id = substr(text, RSTART, RLENGTH)
        if (length(text) > RLENGTH) {
            table[id] = substr(text, RLENGTH + 2)
        }
        return table[id]
    }
    return text
}
/^ob=/ { ob = name(substr($0, 4), objects); cob = ob; next }
/^fn=/ { fn = name(substr($0, 4), functions); cob = ob; next }
/^cob=/ { cob = name(substr($0, 5), objects); next }
/^cfn=/ { cfn = name(substr($0, 5), functions); next }
/^calls=/ { is_call = 1; next }
/^[-+*0-9]/ {
    if (!is_call) {
        sum[ob] += $2
    } else {
        if (cob ~ /\/libc\.so/ && ob !~ /\/libc\.so/ && cfn ~ /^_*(mem|str)/) {
            sum[ob] += $2
        }
        is_call = 0
        cob = ob
    }
}
END { for (ob in sum) { printf "%d %s\n", sum[ob], ob } }
