/**
 * What the machine must offer before anything is loaded; each lack is one clear line, and nothing
 * is changed before all of them are known to be met.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { makeDirectories } from '../directories.js';
import { DataplaneError } from './errors.js';

const BPFFS_MAGIC = 0xcafe4a11;
const OLDEST = [6, 1] as const;

/** True when a kernel release such as `6.1.0-18-amd64` is not older than the oldest we run on. */
export function kernelIsNewEnough(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** Device numbers (`major:minor`) of the bpf mounts that a mountinfo file lists. */
export function bpfDevices(mountinfo: string): Set<string> {
  const devices = new Set<string>();
  for (const line of mountinfo.split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const device = mount.split(' ')[2];
    if (source.startsWith('bpf ') && device !== undefined) devices.add(device);
  }
  return devices;
}

/** Ids of the mounts that a mountinfo file lists. A mount belongs to one namespace only. */
function mountIds(mountinfo: string): Set<string> {
  return new Set(mountinfo.split('\n').flatMap((line) => line.split(' ')[0] || []));
}

/**
 * True when two processes, by their mountinfo, share a mount namespace. Their /proc/PID/ns/mnt would
 * say so too, but reading that of PID 1 needs more rights than a confined root has.
 */
export function sameMounts(own: string, other: string): boolean {
  const others = mountIds(other);
  return [...mountIds(own)].some((id) => others.has(id));
}

/** `major:minor` of a device number as stat(2) gives it, the way mountinfo writes it. */
export function deviceName(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/**
 * Checks root, kernel and BTF.
 * @throws DataplaneError `not-root`, `old-kernel`, `no-btf`
 */
export function checkKernel(): void {
  if (process.getuid?.() !== 0) {
    throw new DataplaneError('not-root', 'bridgewalld must run as root');
  }
  if (!kernelIsNewEnough(release())) {
    const oldest = OLDEST.join('.');
    throw new DataplaneError('old-kernel', `kernel ${release()} is older than ${oldest}`);
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new DataplaneError(
      'no-btf',
      'no BTF of the kernel: /sys/kernel/btf/vmlinux is missing (CONFIG_DEBUG_INFO_BTF)',
    );
  }
}

/** The path itself or the nearest directory above it that exists. */
function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}

function isBpffs(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === BPFFS_MAGIC;
}

/**
 * Makes sure that pins under `pins` outlive this process: a bpffs that PID 1 sees. It is mounted
 * here only when this process shares PID 1's mount namespace; a mount of a private namespace dies
 * with its last process, and the wall with it.
 * @throws DataplaneError `no-bpffs`
 */
export function checkPins(pins: string): void {
  const nearest = nearestExisting(pins);
  if (!statSync(nearest).isDirectory()) throw cannotPin(pins, { code: 'ENOTDIR' });
  const ofFirst = readFileSync('/proc/1/mountinfo', 'utf8');
  if (isBpffs(nearest)) {
    const lasting = bpfDevices(ofFirst);
    if (lasting.has(deviceName(statSync(nearest, { bigint: true }).dev))) return;
    throw new DataplaneError(
      'no-bpffs',
      `${pins}: pins would not last: this bpffs is mounted in a private mount namespace only`,
    );
  }
  if (!sameMounts(readFileSync('/proc/self/mountinfo', 'utf8'), ofFirst)) {
    throw new DataplaneError(
      'no-bpffs',
      `${pins}: no bpffs there, and one mounted from this private mount namespace would not last; mount it beforehand: mount -t bpf bpf ${pins}`,
    );
  }
}

/** What to say when the kernel does not take a directory for pins. */
export function cannotPin(path: string, error: unknown): DataplaneError {
  const { code } = error as NodeJS.ErrnoException;
  return new DataplaneError(
    'no-bpffs',
    `${path}: cannot be made a directory for pins (${code ?? String(error)}); write another in \`pins\`, as in pins: /run/bridgewall/bpf`,
    { cause: error },
  );
}

/**
 * Mounts a bpffs at `pins` unless one is there; call after checkPins.
 * @throws DataplaneError `no-bpffs`
 */
export function mountPins(pins: string): void {
  try {
    makeDirectories(pins);
  } catch (error) {
    throw cannotPin(pins, error);
  }
  if (isBpffs(pins)) return;
  try {
    execFileSync('mount', ['-t', 'bpf', 'bpf', pins], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const words = error instanceof Error ? error.message.split('\n').pop() : String(error);
    throw new DataplaneError('no-bpffs', `${pins}: cannot mount a bpffs: ${words}`);
  }
}
