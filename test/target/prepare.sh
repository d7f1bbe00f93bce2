#!/bin/bash
# prepare.sh FOLDER: what the target tests need besides the build: QEMU, Debian's own kernel for this
# release, unpacked but not installed, and an initramfs with the modules that reach the guest's root.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
export DEBIAN_FRONTEND=noninteractive

missing=""
for p in qemu-system-x86 busybox-static cpio kmod xz-utils python3; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
  echo "installing$missing"
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# KERNEL_PACKAGE names another kernel, e.g. linux-image-6.1.0-18-amd64.
newest() { apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}'; }
package=${KERNEL_PACKAGE:-$(newest)}
if [ -z "$package" ]; then
  apt-get update -qq
  package=$(newest)
fi
release=${package#linux-image-}

work=$(mktemp -d -p .)
trap 'rm -rf "$work"' EXIT
if [ ! -d "$release" ]; then
  echo "fetching $package"
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$package" &&
    dpkg -x "$package"_*.deb tree && rm -f ./*.deb)
  depmod -b "$work/tree" "$release"
  python3 "$here/extract-vmlinux.py" "$work/tree/boot/vmlinuz-$release" "$work/tree/vmlinux"
  mv "$work/tree" "$release"
fi

root=$work/initramfs
mkdir -p "$root"/{bin,dev,proc,sys,modules,lower,upper,newroot}
cp "$(command -v busybox)" "$root/bin/busybox"
for name in sh mount cat insmod switch_root mkdir cut ln; do ln -s busybox "$root/bin/$name"; done
for module in virtio_pci virtio_rng 9pnet_virtio 9p overlay virtio_net e1000e bridge; do
  modprobe -d "$release" -S "$release" --show-depends "$module" 2>/dev/null || true
done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
  name=$(basename "${file%.xz}")
  case $file in
    *.xz) xz -dc "$file" >"$root/modules/$name" ;;
    *) cp "$file" "$root/modules/$name" ;;
  esac
  echo "$name"
done >"$root/modules.list"
install -m 755 "$here/guest-init" "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"initramfs-$release"
echo "$release" >kernel
