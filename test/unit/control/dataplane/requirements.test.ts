import { describe, expect, it } from 'vitest';
import {
  bpfDevices,
  deviceName,
  kernelIsNewEnough,
  sameMounts,
} from '../../../../src/control/dataplane/requirements.js';

describe('kernelIsNewEnough', () => {
  it.each(['6.1.0-18-amd64', '6.18.44', '7.0'])('takes %s', (release) => {
    expect(kernelIsNewEnough(release)).toBe(true);
  });
  it.each(['6.0.19', '5.10.0-28-amd64', '4.19'])('refuses %s', (release) => {
    expect(kernelIsNewEnough(release)).toBe(false);
  });
});

describe('bpfDevices', () => {
  it('finds bpf mounts among others, with optional fields or without', () => {
    const mountinfo = [
      '22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw',
      '31 22 0:27 / /sys/fs/bpf rw,nosuid shared:9 master:1 - bpf bpf rw,mode=700',
      '90 28 0:51 / /run/bridgewall/bpf rw - bpf bpf rw',
      '',
    ].join('\n');
    expect([...bpfDevices(mountinfo)]).toEqual(['0:27', '0:51']);
  });
});

describe('deviceName', () => {
  it('writes a device as mountinfo does', () => {
    expect(deviceName(0x1bn)).toBe('0:27');
    expect(deviceName(0x801n)).toBe('8:1');
    // Minor numbers above 255 are split in a dev_t.
    expect(deviceName(0x10002cn)).toBe('0:300');
  });
});

describe('sameMounts', () => {
  const first = '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:20 / /sys rw - sysfs sysfs rw\n';
  it('knows a namespace by a mount in common, also from within a chroot', () => {
    expect(sameMounts(first, first)).toBe(true);
    expect(sameMounts('23 22 0:20 / / rw - sysfs sysfs rw\n', first)).toBe(true);
  });
  it('tells a private copy, whose mounts have other ids', () => {
    expect(sameMounts('60 59 8:1 / / rw - ext4 /dev/sda1 rw\n', first)).toBe(false);
  });
});
