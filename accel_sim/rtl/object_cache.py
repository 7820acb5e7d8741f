"""Verilator's own runtime, compiled once: a script in front of the compiler that the makefiles call.

Every build by Verilator's makefiles compiles the same few files of it anew, which takes longer than the design does.
"""

from pathlib import Path

from accel_sim.rtl.toolchain import BUILDS

SCRIPT = r"""#!/bin/sh
# The compiler, with its command as arguments; objects of Verilator's runtime come from here where the whole command,
# compiler and paths included, is one that has been run before.
case "$*" in */include/verilated*.cpp) ;; *) exec "$@" ;; esac
object=
before=
for word; do
  [ "$before" = -o ] && object=$word
  before=$word
done
[ -n "$object" ] || exec "$@"
kept="$(dirname "$0")/runtime-$(printf %s "$*" | cksum | tr ' ' -).o"
if [ ! -f "$kept" ]; then
  "$@" || exit
  cp "$object" "$kept.$$" && mv "$kept.$$" "$kept"
else
  cp "$kept" "$object"
fi
"""


def object_cache(folder: Path = BUILDS) -> str:
    """Return the words for ``MAKEFLAGS`` that put the script in front; none where its path has blanks."""
    path = folder / "object_cache.sh"
    if any(letter.isspace() for letter in str(path)):
        return ""
    if not path.exists() or path.read_text() != SCRIPT:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(SCRIPT)
        part.chmod(0o755)
        part.rename(path)
    return f"OBJCACHE={path}"
