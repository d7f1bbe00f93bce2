import { checkText } from './check.js';
import { addon } from './native.js';

/**
 * Opens what is pinned at a path of a bpf file system, as a descriptor of our own.
 * @throws {BpfError} ENOENT; EUSAGE when something else is pinned there
 */
export function adoptPin(path: string, kind: 'map' | 'program' | 'link'): number {
  checkText(path, 'pin');
  return addon().getPinned(path, kind);
}
