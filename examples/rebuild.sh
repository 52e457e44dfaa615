#!/bin/sh
# Fail when a builder makes other records than those in a directory: rebuild.sh DIRECTORY COMMAND [OPTION...]
set -e
directory=$1 builder=$2
shift 2
PITHSTORE=$(mktemp -d)/expected.pith
export PITHSTORE
trap 'rm -r "${PITHSTORE%/*}"' EXIT
pithstore init > /dev/null
pithstore put "$directory" > /dev/null
pithstore ls | xargs -d '\n' pithstore reproduce --run "$builder" "$@" --
