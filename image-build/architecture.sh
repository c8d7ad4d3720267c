# shellcheck shell=bash
# Sourced in the checkout: what is built for (ATRE_ARCH, else what this machine is), and where to.
own=$(dpkg --print-architecture)
export ATRE_ARCH=${ATRE_ARCH:-$own}
[ -e "image-build/architectures/$ATRE_ARCH.env" ] || {
    echo "image: there is no definition for $ATRE_ARCH; those of image-build/architectures can be built" >&2
    exit 1
}
set -a
# shellcheck source=/dev/null
. "image-build/architectures/$ATRE_ARCH.env"
set +a
export ATRE_BUILD=$PWD/build/image
if [ "$ATRE_ARCH" != "$own" ]; then
    ATRE_BUILD=$PWD/build/image-$ATRE_ARCH
    # Every tree is of the image's own architecture: another one's programs run by the kernel's binfmt_misc.
    arch-test "$ATRE_ARCH" >/dev/null 2>&1 || {
        echo "image: this machine runs no programs of $ATRE_ARCH: build on such a machine, or install" \
            "arch-test, binfmt-support and qemu-user-static where /proc/sys/fs/binfmt_misc can be mounted" >&2
        exit 1
    }
fi
