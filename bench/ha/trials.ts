/** Trials of failures, by turns, and what the traffic noticed of each. */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from '../../src/lab/agent/handle.js';
import { Crowd, serveEchoes } from '../../src/lab/pair/crowd.js';
import { failOver, probe } from '../../src/lab/pair/failover.js';
import type { Failure } from '../../src/lab/pair/failures.js';
import { SERVER } from '../../src/lab/pair/pair-net.js';
import type { Redundant } from '../../src/lab/pair/redundant.js';
import { announceItself } from './chatter.js';

/** Words a second over all connections. */
const WORDS = 500;
/** What the probe sees of a machine that does other things too. */
export const NOTHING = 'nothing';
const NOTHING_MS = 2000;
/** The longest pause of TCP before it sends again is that long when nothing passed for a minute. */
const LAST_WORD_MS = 130_000;

/** One failover. Milliseconds. */
export interface Trial {
  readonly failure: string;
  /** Longest time between two answers to the probe. */
  readonly gap: number;
  /** The same when what had failed came back; null when nothing had. */
  readonly comeback: number | null;
  /** Answers that came twice. */
  readonly twice: number;
  /** Connections that ended. */
  readonly lost: number;
}

/** A pair with its traffic. */
export class Stand {
  /** Of the pair, as tables name it. */
  readonly name: string;
  readonly trials: Trial[] = [];
  /** Trials that did not come to their end, in words. */
  readonly failed: string[] = [];
  readonly #pair: Redundant;
  readonly #agent: Agent;
  readonly #crowd: Crowd;

  private constructor(name: string, pair: Redundant) {
    this.name = name;
    this.#pair = pair;
    this.#agent = new Agent(pair.net.client);
    this.#crowd = new Crowd(pair.net.client);
  }

  /** Opens so many connections through a pair that has settled. */
  static async open(name: string, pair: Redundant, connections: number): Promise<Stand> {
    announceItself(pair.net.server, SERVER);
    await serveEchoes(pair.net.server);
    const stand = new Stand(name, pair);
    await stand.#crowd.open(SERVER.v4, 80, connections);
    return stand;
  }

  /** The probe, while nothing fails. */
  async nothing(): Promise<void> {
    await this.#crowd.talk(WORDS);
    const { longestGapMs, duplicates } = await probe(this.#agent, () => pause(NOTHING_MS));
    await this.#crowd.talk(0);
    const rest = { comeback: null, twice: duplicates, lost: 0 };
    this.trials.push({ failure: NOTHING, gap: longestGapMs, ...rest });
  }

  /** One failover; resolves when the pair has settled again. */
  async trial(failure: Failure): Promise<void> {
    await this.#crowd.talk(WORDS);
    const before = await this.#crowd.report();
    try {
      const { pulse, comeback } = await failOver(this.#pair, this.#agent, failure);
      const after = await this.#crowd.report();
      this.trials.push({
        failure: failure.name,
        gap: pulse.longestGapMs,
        comeback: comeback?.longestGapMs ?? null,
        twice: pulse.duplicates + (comeback?.duplicates ?? 0),
        lost: after.ended - before.ended,
      });
    } catch (error) {
      this.failed.push(`${this.name}, ${failure.name}: ${(error as Error).message}`);
    }
    await this.#crowd.talk(0);
  }

  /** Connections that do not answer any more. */
  async mute(): Promise<number> {
    const { owing, ended } = await this.#crowd.ask(LAST_WORD_MS);
    return owing + ended;
  }
}
