#!/usr/bin/env bash
# RUSTC_WRAPPER: the compiler, with the coverage that libFuzzer needs for this project's own crates.
rustc=$1
shift
name=
before=
for argument in "$@"; do
    [ "$before" = --crate-name ] && name=$argument
    before=$argument
done
case $name in
    pipeline | read)
        exec "$rustc" "$@" -Cpasses=sancov-module \
            -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
    *) exec "$rustc" "$@" ;;
esac
