#!/usr/bin/env bash
# What strangers do, one case a line: words;url;what the first attempt records (an extended regular expression).
#
# A record is "HTTP status|error|decision|whether anything was sent". {name} in a url is a port of the stand-in hostile.
# shellcheck disable=SC2034  # read by hostile.sh

BLOCKED='\|unreachable\|retry\|f'
NEVER='\|(unreachable\|retry|invalid_request\|dead|dns_error\|retry_slow)\|f'

# Spellings of addresses that nobody may call, with the port that the canary listens on: {canary} is open in the
# configuration for another address, so that nothing but the check of the address is in the way.
spellings() {
    local host
    while read -r host; do
        printf 'address %s;http://%s:{canary}/;%s\n' "$host" "$host" "$BLOCKED"
    done <<'END'
127.0.0.1
127.1
127.0.1
127.255.255.254
2130706433
0x7f000001
0x7f.1
0x7F.0.0.1
0177.0.0.1
017700000001
127.0.0.01
127.0x1
0x7f.0x0.0x0.0x1
0
00
0x0
0.0.0.0
0.1
localhost
LOCALHOST
[::]
[::1]
[0:0:0:0:0:0:0:1]
[0000::0001]
[::ffff:127.0.0.1]
[::FFFF:7f00:1]
[0:0:0:0:0:ffff:127.0.0.1]
[::127.0.0.1]
[::ffff:0.0.0.0]
169.254.169.254
0xa9fea9fe
2852039166
0251.0376.0251.0376
169.254.43518
[::ffff:169.254.169.254]
[::ffff:a9fe:a9fe]
[fd00:ec2::254]
169.254.170.2
168.63.129.16
100.100.100.200
192.0.0.192
10.0.0.1
012.0.0.1
172.16.0.1
172.31.255.255
192.168.1.1
3232235777
100.64.0.1
198.18.0.1
203.0.113.1
224.0.0.1
239.255.255.250
255.255.255.255
240.0.0.1
[fe80::1]
[fec0::1]
[fc00::1]
[ff02::1]
[64:ff9b::7f00:1]
[64:ff9b::169.254.169.254]
[64:ff9b:1::1]
[2002:7f00:1::]
[2002:a9fe:a9fe::1]
[2001:db8::1]
[2001::1]
[100::1]
[5f00::1]
END
    while read -r host; do
        printf 'address %s;http://%s:{canary}/;%s\n' "$host" "$host" "$NEVER"
    done <<'END'
localhost.
127.0.0.1.
metadata.google.internal
metadata
127.0.0.1%00.example.com
127%2e0%2e0%2e1
[::1%25lo]
[fe80::1%25eth0]
[::ffff:127.1]
1.1.1.1@127.0.0.1
127.0.0.1#@1.1.1.1
127.0.0.1\@1.1.1.1
１２７.0.0.1
①②⑦.0.0.1
0127.0.0.0x1.
END
    printf '%s\n' "its own port;http://127.0.0.1:5432/;\|invalid_request\|dead\|f" \
        "metadata by https;https://169.254.169.254/latest/meta-data/;$BLOCKED" \
        "metadata by http;http://169.254.169.254/computeMetadata/v1/;$BLOCKED" \
        "a file;file:///etc/passwd;\|invalid_request\|dead\|f" \
        "gopher;gopher://127.0.0.1:{canary}/_x;\|invalid_request\|dead\|f" \
        "a socket in the file system;http://%2Frun%2Fpostgresql/;$NEVER"
}

names() {
    cat <<END
a public name;http://a.public.test:{outside}/status/204;204\|\|delivered\|t
a name of a private address;http://a.private.test:{outside}/status/204;$BLOCKED
a name of metadata addresses;http://a.metadata.test:{outside}/status/204;$BLOCKED
refused in public, then a private address;http://a.failover.test:{outside}/status/204;$BLOCKED
private addresses, then a public one;http://a.mixed.test:{outside}/status/204;204\|\|delivered\|t
END
}

redirects() {
    local status
    for status in 301 302 303 307 308; do
        printf '%s\n' "$status to a file;http://127.0.0.1:{http}/redirect/$status?to=file:///etc/passwd;$status\|redirect_error\|retry\|t" \
            "$status to ourselves;http://127.0.0.1:{http}/redirect/$status?to=http://127.0.0.1:{canary}/;$status\|redirect_error\|retry\|t" \
            "$status to gopher;http://127.0.0.1:{http}/redirect/$status?to=gopher://127.0.0.1:{canary}/_x;$status\|redirect_error\|retry\|t"
    done
}

# A receiver that has said 2xx has taken the message, whatever it does with the rest of its answer.
tricks() {
    cat <<'END'
an endless body;http://127.0.0.1:{http}/endless;200\|\|delivered\|t
endless chunks of a byte;http://127.0.0.1:{http}/endless-chunks;200\|\|delivered\|t
a body without length;http://127.0.0.1:{http}/endless-close;200\|\|delivered\|t
a gzip bomb;http://127.0.0.1:{http}/gzip-bomb;200\|\|delivered\|t
10 GB;http://127.0.0.1:{http}/big?bytes=10000000000;200\|\|delivered\|t
a length of 10^15;http://127.0.0.1:{http}/announce;200\|timeout\|delivered\|t
a dripping body;http://127.0.0.1:{http}/drip;200\|timeout\|delivered\|t
a body that drips just enough;http://127.0.0.1:{http}/drip?ms=40;200\|timeout\|delivered\|t
half a body, then a reset;http://127.0.0.1:{http}/reset-mid;200\|connection_reset\|delivered\|t
escapes and script in the answer;http://127.0.0.1:{http}/escape;200\|\|delivered\|t
dripping headers;http://127.0.0.1:{http}/drip-headers;200\|timeout\|delivered\|t
headers without end;http://127.0.0.1:{http}/header-flood;200\|header_too_large\|delivered\|t
a header line without end;http://127.0.0.1:{http}/header-line;200\|header_too_large\|delivered\|t
103 without end;http://127.0.0.1:{http}/endless-1xx;\|header_too_large\|retry\|t
103 without end or pause;http://127.0.0.1:{http}/endless-1xx?ms=0;\|header_too_large\|retry\|t
103 each second;http://127.0.0.1:{http}/endless-1xx?ms=1000;\|timeout\|retry\|t
101;http://127.0.0.1:{http}/switch;\|connection_reset\|retry\|t
silence;http://127.0.0.1:{http}/hang;\|timeout\|retry\|t
a reset;http://127.0.0.1:{http}/reset;\|connection_reset\|retry\|t
a close;http://127.0.0.1:{http}/close;\|connection_reset\|retry\|t
no HTTP;http://127.0.0.1:{http}/garbage;\|protocol_error\|retry\|t
HTTP 0.9;http://127.0.0.1:{http}/http09;\|protocol_error\|retry\|t
status 999999;http://127.0.0.1:{http}/bad-status;\|protocol_error\|retry\|t
status -1;http://127.0.0.1:{http}/negative-status;\|protocol_error\|retry\|t
a length of -1;http://127.0.0.1:{http}/negative-length;200\|protocol_error\|delivered\|t
two lengths;http://127.0.0.1:{http}/two-lengths;200\|.*\|delivered\|t
a length and chunks;http://127.0.0.1:{http}/length-and-chunked;200\|\|delivered\|t
a chunk of 2^64 bytes;http://127.0.0.1:{http}/huge-chunk;200\|.+\|delivered\|t
half a chunk;http://127.0.0.1:{http}/half-chunk;200\|.+\|delivered\|t
half a body;http://127.0.0.1:{http}/half-body;200\|protocol_error\|delivered\|t
half a header;http://127.0.0.1:{http}/half-header;200\|.*\|delivered\|t
a zero byte in a header;http://127.0.0.1:{http}/nul-header;.*\|.*\|(delivered|retry)\|t
bare line feeds;http://127.0.0.1:{http}/bare-lf;200\|\|delivered\|t
nothing listens;http://127.0.0.1:{refused}/;\|unreachable\|retry\|f
a connect without an answer;http://127.0.0.1:{full}/;\|unreachable\|retry\|f
a wedged TLS handshake;https://127.0.0.1:{stall}/;\|tls_error\|retry_slow\|f
TLS as it should be;https://127.0.0.1:{tls_good}/status/204;204\|\|delivered\|t
a self-signed certificate;https://127.0.0.1:{tls_self_signed}/status/204;\|tls_error\|retry_slow\|f
an expired certificate;https://127.0.0.1:{tls_expired}/status/204;\|tls_error\|retry_slow\|f
another host's certificate;https://127.0.0.1:{tls_wrong_host}/status/204;\|tls_error\|retry_slow\|f
TLS 1.1;https://127.0.0.1:{tls_old}/status/204;\|tls_error\|retry_slow\|f
HTTP where TLS is due;https://127.0.0.1:{plain}/;\|tls_error\|retry_slow\|f
END
}

# The record here ends with the seconds to wait that were understood.
waits() {
    local n=0 wait
    for wait in 86400 '' 0 86400 '' '' 0 2 '' 86400 3 '' 2 '' '' ''; do
        printf 'Retry-After no. %d;http://127.0.0.1:{http}/retry-after/%d;429\\|\\|retry\\|t\\|%s\n' "$n" "$n" "$wait"
        n=$((n + 1))
    done
    printf 'Retry-After a date in %s s;http://127.0.0.1:{http}/retry-after?v=%s;429\\|\\|retry\\|t\\|([5-8][0-9]|90)\n' \
        90 "$(date -u -d '+90 seconds' '+%a,+%d+%b+%Y+%T+GMT')"
    printf 'Retry-After on a 503;http://127.0.0.1:{http}/retry-after?v=77&status=503;503\\|\\|retry\\|t\\|77\n'
}

# With what else goes on these are more than the worker has places.
slow_names() {
    local n
    for n in {1..56}; do printf 'a name server that hangs, %d;http://n%d.slow.test:{http}/;\\|dns_error\\|retry_slow\\|f\n' "$n" "$n"; done
}

# Connections enough at once, good ones, that what comes after needs no more memory for being many.
warm() {
    local n
    for n in {1..40}; do printf 'warm %d;http://127.0.0.1:{http}/slow?ms=500;200\\|\\|delivered\\|t\n' "$n"; done
    for n in {1..4}; do printf 'warm TLS %d;https://127.0.0.1:{tls_good}/status/204;204\\|\\|delivered\\|t\n' "$n"; done
}
