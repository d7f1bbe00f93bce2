/** Trials of failures, by turns, and what the traffic noticed of each. */
import { setTimeout as pause } from 'node:timers/promises';
import { Crowd, serveEchoes } from '../../src/lab/pair/crowd.js';
import { failOver, probe } from '../../src/lab/pair/failover.js';
import type { Failure } from '../../src/lab/pair/failures.js';
import { CLIENT, SERVER } from '../../src/lab/pair/pair-net.js';
import type { Redundant } from '../../src/lab/pair/redundant.js';
import { TRAIN_MACS, Train, type Way } from '../train.js';
import { announceItself } from './chatter.js';

/** Words a second over all connections. */
const WORDS = 500;
/** A datagram each way, so often. */
export const INTERVAL_US = 500;
/** Of the train's far end, which has another MAC: nobody's, and the policy names it nowhere. */
const BESIDE = '198.51.100.81';
/** What the probe sees of a machine that does other things too. */
export const NOTHING = 'nothing';
const NOTHING_MS = 2000;
/** The longest pause of TCP before it sends again is that long when nothing passed for a minute. */
const LAST_WORD_MS = 130_000;

/** One failover. Milliseconds. */
export interface Trial {
  readonly failure: string;
  /** Longest time in which none of the train arrived, of either way; 0: none was lost. */
  readonly gap: number;
  /** The same when what had failed came back; null when nothing had. */
  readonly comeback: number | null;
  /** Datagrams that came twice. */
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
  readonly #crowd: Crowd;

  private constructor(name: string, pair: Redundant) {
    this.name = name;
    this.#pair = pair;
    this.#crowd = new Crowd(pair.net.client);
  }

  /** Opens so many connections through a pair that has settled. */
  static async open(name: string, pair: Redundant, connections: number): Promise<Stand> {
    announceItself(pair.net.server, SERVER);
    announceItself(pair.net.server, { mac: TRAIN_MACS.server, v4: BESIDE });
    await serveEchoes(pair.net.server);
    const stand = new Stand(name, pair);
    await stand.#crowd.open(SERVER.v4, 80, connections);
    return stand;
  }

  /** The probe, while nothing fails. */
  async nothing(): Promise<void> {
    await this.#crowd.talk(WORDS);
    const ways = await probe(this.#train, () => pause(NOTHING_MS));
    await this.#crowd.talk(0);
    const rest = { comeback: null, twice: twice(ways), lost: 0 };
    this.trials.push({ failure: NOTHING, gap: longest(ways), ...rest });
  }

  /** One failover; resolves when the pair has settled again. */
  async trial(failure: Failure): Promise<void> {
    await this.#crowd.talk(WORDS);
    const before = await this.#crowd.report();
    try {
      const { pulse, comeback } = await failOver(this.#pair, this.#train, failure);
      const after = await this.#crowd.report();
      this.trials.push({
        failure: failure.name,
        gap: longest(pulse),
        comeback: comeback && longest(comeback),
        twice: twice(pulse) + twice(comeback ?? []),
        lost: after.ended - before.ended,
      });
    } catch (error) {
      this.failed.push(`${this.name}, ${failure.name}: ${(error as Error).message}`);
    }
    await this.#crowd.talk(0);
  }

  readonly #train = async () => new Train(this.#pair.net, CLIENT.v4, INTERVAL_US);

  /** Connections that do not answer any more. */
  async mute(): Promise<number> {
    const { owing, ended } = await this.#crowd.ask(LAST_WORD_MS);
    return owing + ended;
  }
}

function longest(ways: readonly Way[]): number {
  return Math.max(...ways.map(({ longestMs }) => longestMs));
}

function twice(ways: readonly Way[]): number {
  return ways.reduce((sum, way) => sum + way.twice, 0);
}
