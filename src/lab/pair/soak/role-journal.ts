/** What both daemons say of their roles, as they log it. */
import { readFileSync } from 'node:fs';
import type { Wall } from '../../wall.js';
import { NODES, type NodeName } from '../pair-net.js';

interface Line {
  readonly time: number;
  readonly msg: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export class RoleJournal {
  readonly #walls: Readonly<Record<NodeName, Wall>>;
  #seen = Date.now();

  constructor(walls: Readonly<Record<NodeName, Wall>>) {
    this.#walls = walls;
  }

  /** A line for each change since this was asked last, in their order. */
  take(): string[] {
    const since = this.#seen;
    this.#seen = Date.now();
    return NODES.flatMap((node) => changesOf(this.#walls[node]).map((line) => ({ ...line, node })))
      .filter(({ time }) => time >= since)
      .sort((a, b) => a.time - b.time)
      .map(
        ({ node, time, from, to, reason }) =>
          `${((time - since) / 1000).toFixed(2).padStart(6)}s ${node} ${from} -> ${to}: ${reason}`,
      );
  }
}

function changesOf(wall: Wall): Line[] {
  return readFileSync(wall.log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('the role has changed'))
    .map((line) => JSON.parse(line) as Line);
}
