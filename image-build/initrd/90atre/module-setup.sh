#!/bin/bash
# dracut's module of the image: finds the verified root, then the data beside it; see atre-data.
# shellcheck disable=SC2154 # dracut sets moddir, initdir and systemdsystemunitdir

check() { return 255; } # only where it is asked for

depends() { echo systemd-initrd systemd-veritysetup tpm2-tss; }

# Disks and watchdogs of mini-PCs and of virtual machines, and what the slots and the data are made
# of, for every architecture: dracut leaves out what a kernel has not. Without loop, systemd-repart would make the
# data in memory and copy it.
installkernel() {
    hostonly="" instmods nvme ahci ata_piix sd_mod vmd usb_storage uas xhci_pci ehci_pci \
        mmc_block sdhci_pci sdhci_acpi sdhci_of_dwcmshc dw_mmc_rockchip \
        virtio_blk virtio_pci virtio_scsi virtio_mmio \
        loop dm_verity dm_crypt erofs ext4 overlay xts \
        iTCO_wdt lpc_ich i2c_i801 sp5100_tco wdat_wdt i6300esb dw_wdt \
        aesni_intel sha256_ssse3 aes_ce_blk sha2_ce
}

install() {
    inst_multiple bash basename blkid cat cp e2fsck echo mkdir mke2fs mkfs.ext4 mount \
        mv readlink rm sleep sync systemctl systemd-cryptenroll systemd-repart udevadm umount
    inst_multiple -o resize2fs systemd-growfs /usr/lib/systemd/systemd-growfs \
        /usr/bin/systemd-cryptsetup /usr/lib/systemd/systemd-cryptsetup /etc/mke2fs.conf
    inst_libdir_file "libfdisk.so.*" "libcryptsetup.so.*" "cryptsetup/*.so"
    inst_script "$moddir/atre-data" /usr/bin/atre-data
    inst_simple "$moddir/atre-data.service" "$systemdsystemunitdir/atre-data.service"
    inst_simple "$moddir/emergency.service" /etc/systemd/system/emergency.service
    inst_simple /usr/lib/systemd/system.conf.d/atre-watchdog.conf
    inst_simple /usr/share/atre/data.d/plain/data.conf
    inst_simple /usr/share/atre/data.d/tpm2/data.conf
    systemctl --quiet --root "$initdir" add-wants initrd-fs.target atre-data.service
}
