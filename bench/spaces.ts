/**
 * Network namespaces beside that of this process: rules of netfilter hold for all of one, so every firewall
 * made of them has its own. They hang on mounts of the process's own mount namespace, and go with it.
 */
import { mkdirSync } from 'node:fs';
import { command, commandIn, SPACES, type Space } from './cables.js';

let made = 0;

/**
 * A sysfs that shows this network namespace, a bpffs in it, and a place for other namespaces; nothing
 * here speaks IPv6 by itself.
 *
 * @param bpffs in that sysfs, so that it needs no directory of ours
 */
export function prepareSpaces(bpffs: string): void {
  command('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  command('mount', ['-t', 'bpf', 'bpf', bpffs]);
  // Outside nobody sees what is made below it.
  mkdirSync(SPACES, { recursive: true });
  command('mount', ['-t', 'tmpfs', 'tmpfs', SPACES]);
  silence(undefined);
}

/** Another network namespace. */
export function makeSpace(): Space {
  const name = `space${made++}`;
  const sysfs = `${SPACES}/${name}.sys`;
  command('ip', ['netns', 'add', name]);
  const space = { name, sysfs };
  mkdirSync(sysfs);
  commandIn(space, 'mount', ['-t', 'sysfs', 'sysfs', sysfs]);
  silence(space);
  return space;
}

/** What is in it goes with it. */
export function removeSpace({ name, sysfs }: Space): void {
  command('umount', [sysfs]);
  command('ip', ['netns', 'delete', name]);
}

function silence(space: Space | undefined): void {
  const quiet = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.disable_ipv6=1`);
  commandIn(space, 'sysctl', ['-qw', ...quiet]);
}
