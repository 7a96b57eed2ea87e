#!/bin/sh
# Starts the program for an external lookup, for which splunkd looks in bin alone:
# the build for this machine, with what transforms.conf says.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
case "$(uname -s) $(uname -m)" in
'Linux x86_64' | 'Linux amd64') program=$here/../linux_x86_64/bin/tclookup ;;
'Linux aarch64' | 'Linux arm64') program=$here/tclookup ;;
Darwin*) program=$here/../darwin_x86_64/bin/tclookup ;;
*) program= ;;
esac
if [ ! -x "$program" ]; then
	echo "tclookup: this package has no program for $(uname -s) on $(uname -m): install the package for this platform" >&2
	exit 1
fi
exec "$program" lookup "$@"
