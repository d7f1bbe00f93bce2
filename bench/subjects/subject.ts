/** What is measured. */
import type { Path } from '../cables.js';
import type { Work } from '../works.js';

/** Something that takes frames from the uplink to the inside. */
export interface Subject {
  readonly name: string;
  readonly path: Path;
  /** Which of its sources feeds this path; absent: there is one. */
  readonly lane?: number;
  /** Screened hosts; the last one is asked for. */
  readonly hosts: number;
  /** It knows connections, so they have to be opened. */
  readonly stateful: boolean;
  /** As the verifier walked it; null: no program. */
  readonly instructions: number | null;
  /** Milliseconds that installing the policy took; null: no policy of ours. */
  readonly installMs: number | null;
  /** Connections that its rules have counted; null: it does not count. */
  connections(): Promise<number> | null;
  /** Why it cannot be measured so; null: it can. */
  refuses(work: Work): string | null;
  /**
   * Makes room before frames that open connections. True: the connections that were established are
   * gone, too.
   */
  forget(): boolean;
  close(): void;
}

/** What has no state and no rules. */
export const stateless = {
  hosts: 1,
  stateful: false,
  installMs: null,
  connections: () => null,
  forget: () => false,
} as const;

/** It drops nothing. */
export function passesAll({ kind }: Work): string | null {
  return kind === 'denied' || kind === 'logged' ? 'it denies nobody' : null;
}
