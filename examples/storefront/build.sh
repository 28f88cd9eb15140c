#!/bin/sh
# Builds the storefront: puts everything that is delivered into build/.
#
#   ./build.sh VERSION                                        a good build
#   ./build.sh VERSION --faulty-after SECONDS                 healthy at first, then its connection pool runs dry
#   ./build.sh VERSION --faulty-after SECONDS --faulty-in GROUP      the same, in one deployment group only: the kind
#                                                             of bug that no earlier environment shows
#
# The same arguments give the same tree, byte for byte.
set -eu

usage() {
    echo "build.sh: $1" >&2
    echo "usage: build.sh VERSION [--faulty-after SECONDS] [--faulty-in GROUP]" >&2
    exit 2
}

# Refuses a value that is empty or holds a character outside the set: these values are written into files.
checked() { # WHAT VALUE SET
    case "$2" in
        '' | *[!$3]*) usage "$1 must be made of $3, not '$2'" ;;
    esac
}

[ $# -gt 0 ] || usage 'no version given'
version=$1
shift
faulty_after=0
faulty_in=''
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || usage "$1 needs a value"
    case "$1" in
        --faulty-after) faulty_after=$2 && checked "$1" "$2" '0-9' ;;
        --faulty-in) faulty_in=$2 && checked "$1" "$2" 'A-Za-z0-9._+=,@-' ;;
        *) usage "unknown option $1" ;;
    esac
    shift 2
done
checked VERSION "$version" 'A-Za-z0-9._+-'
case "$version" in
    [!A-Za-z0-9]*) usage "VERSION must begin with a letter or a digit, not '$version'" ;;
esac
faulty_after=$(printf '%s' "$faulty_after" | sed 's/^0*\([0-9]\)/\1/') # JSON knows no leading zeros

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
new="$here/build.new.$$"
trap 'rm -rf -- "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p -- "$new/storefront" "$new/scripts"

cp -- "$here/app/storefront.py" "$new/storefront/"
printf '%s\n' "$version" >"$new/storefront/VERSION"
cat >"$new/storefront/settings.json" <<SETTINGS
{
  "pool_size": 10,
  "recalculate_every_seconds": 5,
  "leak": {"dry_after_seconds": $faulty_after, "only_in": "$faulty_in"}
}
SETTINGS
cp -- "$here/deploy/appspec.yml" "$new/"
cp -- "$here"/deploy/scripts/*.sh "$new/scripts/"

# Modes are part of a bundle's digest, so they must not depend on the builder's umask.
find "$new" -type d -exec chmod 755 {} +
find "$new" -type f -exec chmod 644 {} +
chmod 755 "$new"/scripts/*.sh

# Swapped in at the end: a build that fails leaves the earlier one alone.
rm -rf -- "$here/build"
mv -- "$new" "$here/build"
echo "storefront $version is in $here/build"
