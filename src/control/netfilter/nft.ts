/** Puts the wall's tables into the kernel, through the `nft` of the distribution. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Ruleset } from './ruleset.js';
import {
  type CountedBefore,
  CounterName,
  renderRemoval,
  renderTable,
  type TableSpec,
  tableName,
} from './table.js';

/** Transactions of others that may come between loading the tables and reading them back. */
const LOAD_ATTEMPTS = 10;

/** `missing`: there is no nft. `not-permitted`: it takes root. `refused`: nft or the kernel said no. */
export type NftErrorCode = 'missing' | 'not-permitted' | 'refused';

/** nft failed; `message` is one line, `output` all that it said. */
export class NftError extends Error {
  readonly code: NftErrorCode;
  readonly output: string;

  constructor(code: NftErrorCode, message: string, output = '') {
    super(message);
    this.name = 'NftError';
    this.code = code;
    this.output = output;
  }
}

/** Frames that the tables stopped. */
export interface TableCounters {
  /** Never judged: stopped at the port, or in the bridge. */
  readonly unjudged: number;
  readonly strayed: number;
  readonly toBox: number;
  readonly fromBox: number;
}

/** Where a digest of the tables outlives the process that loaded them. */
export interface TableMemory {
  recall(): Promise<string | undefined>;
  keep(digest: string): Promise<void>;
}

const NO_MEMORY: TableMemory = { recall: async () => undefined, keep: async () => {} };

const FAMILIES = ['netdev', 'bridge'] as const;

/** The tables of a node as this process loaded them, in its own network namespace. */
export class WallTable {
  readonly node: string;
  readonly #memory: TableMemory;
  #spec: TableSpec;
  #listing = '';
  #number = 0;
  /** What was counted when it was last asked for: tables that somebody removed took theirs along. */
  #counted: CountedBefore = { netdev: {}, bridge: {} };

  private constructor(spec: TableSpec, memory: TableMemory) {
    this.node = spec.node;
    this.#spec = spec;
    this.#memory = memory;
  }

  /** Number of the ruleset in which the tables were last loaded. */
  get number(): number {
    return this.#number;
  }

  /**
   * Loads the tables in one transaction, in place of those that may be there: no frame slips through
   * in between, and the counters go on. Tables that are what `memory` knows of stay as they stand: a
   * chain in the place of another drops by its policy until the transaction is over, and with it
   * accepted frames that go through the bridge. Throws NftError, NetlinkError.
   */
  static async load(spec: TableSpec, memory = NO_MEMORY): Promise<WallTable> {
    const table = new WallTable(spec, memory);
    if (!(await table.#adopt())) await table.restore();
    return table;
  }

  /** Removes the tables of a node; it is no error when there are none. Throws NftError. */
  static async remove(node: string): Promise<void> {
    await nft(['-f', '-'], renderRemoval(node));
  }

  /** Whether the tables are what they were when they were loaded, on the same ports. Throws NftError. */
  async isIntact(): Promise<boolean> {
    return (await listing(this.node)) === this.#listing;
  }

  /**
   * Loads the tables anew, in one transaction. `present`: the ports that exist by now. Throws
   * NftError, NetlinkError.
   */
  async restore(present?: readonly string[]): Promise<void> {
    if (present !== undefined) this.#spec = { ...this.#spec, present };
    await this.#count();
    using ruleset = new Ruleset();
    for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
      const before = await ruleset.number();
      await nft(['-f', '-'], renderTable(this.#spec, this.#counted));
      const listed = await listing(this.node);
      const number = await ruleset.number();
      // What was read back may be what somebody else had made of it: that is not to be kept.
      if (number !== before + 1) continue;
      this.#number = number;
      this.#listing = listed;
      await this.#memory.keep(this.#digestOf(listed));
      return;
    }
    throw new NftError('refused', 'nft: others change the rules all the time');
  }

  /** Frames stopped since the tables were first loaded. Throws NftError. */
  async counters(): Promise<TableCounters> {
    await this.#count();
    const { netdev, bridge } = this.#counted;
    return {
      unjudged: (netdev[CounterName.UNJUDGED] ?? 0) + (bridge[CounterName.UNJUDGED] ?? 0),
      strayed: bridge[CounterName.STRAYED] ?? 0,
      toBox: bridge[CounterName.TO_BOX] ?? 0,
      fromBox: bridge[CounterName.FROM_BOX] ?? 0,
    };
  }

  /** Whether the tables stand as they were loaded by the process before, by the same rules. */
  async #adopt(): Promise<boolean> {
    using ruleset = new Ruleset();
    const number = await ruleset.number();
    const listed = await listing(this.node);
    const known = await this.#memory.recall();
    if (known !== this.#digestOf(listed) || number !== (await ruleset.number())) return false;
    await this.#count();
    this.#number = number;
    this.#listing = listed;
    return true;
  }

  /** Of what the tables were loaded from, and of what the kernel made of it. */
  #digestOf(listed: string): string {
    const hash = createHash('sha256').update(renderTable(this.#spec));
    return hash.update('\0').update(listed).digest('hex');
  }

  async #count(): Promise<void> {
    const counted = { ...this.#counted };
    for (const family of FAMILIES) {
      const args = ['-j', 'list', 'counters', 'table', family, tableName(this.node)];
      const text = await nftIfThere(args);
      if (text !== undefined) counted[family] = Object.fromEntries(parseCounters(text));
    }
    this.#counted = counted;
  }
}

/** Names and packets of the counters in a JSON listing of nft. */
export function parseCounters(json: string): [name: string, packets: number][] {
  const listed = JSON.parse(json) as { nftables?: unknown[] };
  return (listed.nftables ?? []).flatMap((item) => {
    const { counter } = item as { counter?: { name?: unknown; packets?: unknown } };
    const { name, packets } = counter ?? {};
    return typeof name === 'string' && typeof packets === 'number' ? [[name, packets]] : [];
  });
}

/** Output of a listing, or undefined when there is no such table. Throws NftError. */
export async function nftIfThere(args: readonly string[]): Promise<string | undefined> {
  try {
    return await nft(args);
  } catch (error) {
    if (error instanceof NftError && error.code === 'refused') return undefined;
    throw error;
  }
}

/** Both tables as nft shows them, without what counts. */
async function listing(node: string): Promise<string> {
  const parts: string[] = [];
  for (const family of FAMILIES) {
    const args = ['-s', 'list', 'table', family, tableName(node)];
    parts.push((await nftIfThere(args)) ?? '');
  }
  return parts.join('');
}

/** Output of one run of nft. Throws NftError. */
export function nft(args: readonly string[], input = ''): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  return new Promise((resolve, reject) => {
    const child = spawn('nft', args, { env, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'ENOENT'
          ? new NftError('missing', 'nft is not installed (package nftables)')
          : new NftError('refused', `nft cannot be run: ${error.message}`),
      );
    });
    child.on('close', (status) => {
      if (status === 0) resolve(stdout);
      else reject(failure(stderr, status));
    });
    // Whoever refuses the text early closes the pipe; its exit status says why.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function failure(stderr: string, status: number | null): NftError {
  const first = stderr.trim().split('\n')[0] || `exit ${status}`;
  const denied = /Operation not permitted|must be root/.test(stderr);
  return denied
    ? new NftError('not-permitted', 'loading nft rules takes root', stderr)
    : new NftError('refused', `nft: ${first}`, stderr);
}
