/** Faults of every kind in an order of chance, under connections and a probe; and what must hold all the while. */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from '../../agent/handle.js';
import type { PulseReport } from '../../agent/protocol.js';
import type { Lab } from '../../netns.js';
import { Crowd, serveEchoes } from '../crowd.js';
import type { Pair } from '../pair.js';
import { CLIENT, NODES, SERVER } from '../pair-net.js';
import { Census, type Crossings, SIDES } from './census.js';
import { Chance } from './chance.js';
import { FAULTS, type Fault, mend } from './faults.js';
import { RoleJournal } from './role-journal.js';
import { RoleWatch, type Spells } from './role-watch.js';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly connections: number;
  /** Parts of names; all faults when there are none. */
  readonly only?: readonly string[];
  /** Called with a line for each fault, and for whatever is wrong. */
  readonly say: (line: string) => void;
}

export interface SoakReport {
  readonly faults: number;
  readonly changes: number;
  /** Datagrams of the probe. */
  readonly sent: number;
  readonly lost: number;
  readonly twice: number;
  readonly longestGapMs: number;
  readonly spells: Spells;
  readonly crossings: Crossings;
  readonly ended: number;
  readonly resets: number;
  readonly owing: number;
  /** What did not hold, in words. */
  readonly wrong: readonly string[];
}

/** How long a fault lasts. */
const FAULT_MS = [300, 3000] as const;
/** The probe runs before a fault and after its end. */
const BEFORE_MS = 200;
const AFTER_MS = 300;
const LINGER_MS = 300;
const ECHO_PORT = 7;
const PROBE_PORT = 20_007;
/** An address that nobody has: whoever sends there asks for it, and every segment hears that. */
const NOBODY = {
  uplink: { v4: '198.51.100.201', v6: '2001:db8::201' },
  inside: { v4: '198.51.100.202', v6: '2001:db8::202' },
};
const ASKS_EACH_MS = 20;
/** Words a second of so many connections. */
const wordsOf = (connections: number) => Math.max(100, connections / 5);
/** Connections that are opened during each fault. */
const NEWCOMERS = 5;
const SETTLE_MS = 60_000;
/** Nodes send probes so often, and yield in the packet that tells them of a better one. */
const PROBE_INTERVAL_MS = 10;
/**
 * A second without frames tells which one is cut off, a fifth of one more is waited, and another one where
 * connections are missing. Then some for a machine that has much else to do.
 */
const NOBODY_MS = 3000;

/** Runs for so long, and until the fault of that moment is mended. */
export async function soak(lab: Lab, pair: Pair, options: SoakOptions): Promise<SoakReport> {
  const run = await Soak.begin(lab, pair, options);
  try {
    await run.goOn();
    return await run.end();
  } finally {
    run.close();
  }
}

class Soak {
  readonly #pair: Pair;
  readonly #options: SoakOptions;
  readonly #chance: Chance;
  readonly #crowd: Crowd;
  readonly #client: Agent;
  readonly #census: Census;
  readonly #watch: RoleWatch;
  readonly #journal: RoleJournal;
  readonly #wrong: string[] = [];
  readonly #began = performance.now();
  #faults = 0;
  #changes = 0;
  #total = { sent: 0, lost: 0, twice: 0, longestGapMs: 0 };
  #spells: Spells = { nobody: 0, both: 0 };
  #owing = 0;

  private constructor(lab: Lab, pair: Pair, options: SoakOptions) {
    this.#pair = pair;
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.#crowd = new Crowd(pair.net.client);
    this.#client = new Agent(pair.net.client);
    this.#census = new Census(pair.net);
    this.#journal = new RoleJournal(pair.walls);
    this.#watch = new RoleWatch(pair.net, lab.directory);
  }

  static async begin(lab: Lab, pair: Pair, options: SoakOptions): Promise<Soak> {
    const { client, server } = pair.net;
    await serveEchoes(server);
    const run = new Soak(lab, pair, options);
    await run.#crowd.open(SERVER.v4, 80, options.connections);
    await run.#crowd.talk(wordsOf(options.connections));
    for (const host of [client, server]) {
      for (const ip of ['ipv4', 'ipv6']) {
        host.sysctl(`net.${ip}.neigh.eth0.retrans_time_ms`, ASKS_EACH_MS);
      }
    }
    const asks = [
      [run.#client, CLIENT, NOBODY.uplink],
      [new Agent(server), SERVER, NOBODY.inside],
    ] as const;
    for (const [agent, source, nobody] of asks) {
      for (const family of ['v4', 'v6'] as const) {
        await agent.ask('pulseStart', {
          ...{ pulse: `asks ${family}`, source: source[family], destination: nobody[family] },
          ...{ sourcePort: PROBE_PORT + 1, port: ECHO_PORT, intervalMs: ASKS_EACH_MS },
        });
      }
    }
    return run;
  }

  async goOn(): Promise<void> {
    const { seconds, only = [] } = this.#options;
    const chosen = FAULTS.filter(
      ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
    );
    const until = this.#began + seconds * 1000;
    while (performance.now() < until) {
      for (const fault of this.#chance.shuffled(chosen)) {
        if (performance.now() >= until) break;
        await this.#suffer(fault, this.#chance.between(...FAULT_MS));
      }
    }
  }

  async #suffer(fault: Fault, ms: number): Promise<void> {
    const pair = this.#pair;
    const from = await pair.settled(SETTLE_MS);
    const before = { crowd: await this.#crowd.report(), crossings: await this.#census.read(true) };
    this.#watch.take();
    this.#journal.take();
    await this.#client.ask('pulseStart', {
      ...{ pulse: 'probe', source: CLIENT.v4, destination: SERVER.v4 },
      ...{ sourcePort: PROBE_PORT, port: ECHO_PORT, intervalMs: 1 },
    });
    await pause(BEFORE_MS);
    await fault.begin(pair, from);
    // Whoever opens one now may keep it.
    const opening = this.#crowd.open(SERVER.v4, 80, NEWCOMERS).catch((error: Error) => error);
    await pause(ms);
    const during = NODES.filter((node) => this.#watch.isActive(node) && pair.net.carries(node));
    await mend(pair);
    const to = await pair.settled(SETTLE_MS);
    await pause(AFTER_MS);
    const pulse = await this.#client.ask('pulseStop', { pulse: 'probe', lingerMs: LINGER_MS });
    const spells = this.#watch.take();
    const crossings = await this.#census.read();
    const opened = await opening;
    if (opened instanceof Error) throw opened;
    const crowd = await this.#crowd.ask();
    await this.#crowd.talk(wordsOf(crowd.open));

    this.#faults++;
    if (to !== from) this.#changes++;
    const ended = crowd.ended - before.crowd.ended;
    this.#note(pulse, spells);
    this.#options.say(
      `${this.#seconds()}  ${fault.name} for ${(ms / 1000).toFixed(1)} s: ${from} -> ${during.join('+')} -> ${to}; ` +
        `gap ${pulse.longestGapMs} ms, ${pulse.sent - pulse.received} of ${pulse.sent} lost, ` +
        `${pulse.duplicates} twice; nobody ${spells.nobody} ms, both ${spells.both} ms; ` +
        `${crowd.echoed - before.crowd.echoed} words` +
        SIDES.map((side) => {
          const [was, is] = [before.crossings[side], crossings[side]];
          return `, from ${side} ${is.sent - was.sent}/${is.crossed - was.crossed}/${is.arrived - was.arrived}`;
        }).join(''),
    );
    for (const line of this.#journal.take()) this.#options.say(`         ${line}`);
    const here = (what: string) => this.#bad(`${fault.name} of ${from}: ${what}`);
    if (ended > 0) here(`${ended} connections ended`);
    if (crowd.owing > this.#owing) {
      here(`${crowd.owing - this.#owing} connections hang`);
      for (const port of crowd.owingPorts.slice(0, 2)) await this.#look(port);
    }
    this.#owing = crowd.owing;
    if (spells.nobody > NOBODY_MS) here(`no node was active for ${spells.nobody} ms`);
    if (pulse.duplicatesForMs > PROBE_INTERVAL_MS) {
      here(`datagrams came twice for ${pulse.duplicatesForMs} ms`);
    }
    for (const side of SIDES) {
      const more = (is: keyof Crossings['uplink']) =>
        crossings[side][is] -
        before.crossings[side][is] -
        (crossings[side].sent - before.crossings[side].sent);
      for (const what of ['crossed', 'arrived'] as const) {
        if (more(what) > 0)
          here(`${more(what)} frames more have ${what} than were sent at the ${side}`);
      }
    }
  }

  /** What is known of a connection that hangs. */
  async #look(port: number): Promise<void> {
    const { client, server } = this.#pair.net;
    const known = await Promise.all(
      NODES.map(async (node) => {
        const shown = await this.#pair.walls[node].try('states', `port=${port}`);
        return `${node}: ${shown.stdout}${shown.stderr}`;
      }),
    );
    const sockets = [client, server].map((host) =>
      host.exec('ss', '-Htinoe', `( sport = :${port} or dport = :${port} )`),
    );
    for (const text of [...known, ...sockets]) this.#options.say(text.trim());
  }

  #note(pulse: PulseReport, spells: Spells): void {
    const total = this.#total;
    total.sent += pulse.sent;
    total.lost += pulse.sent - pulse.received;
    total.twice += pulse.duplicates;
    total.longestGapMs = Math.max(total.longestGapMs, pulse.longestGapMs);
    this.#spells = {
      nobody: Math.max(this.#spells.nobody, spells.nobody),
      both: Math.max(this.#spells.both, spells.both),
    };
  }

  /** Every connection says one more word. */
  async end(): Promise<SoakReport> {
    await this.#pair.settled(SETTLE_MS);
    const { ended, resets, owing, open } = await this.#crowd.ask();
    if (ended > 0) this.#bad(`${ended} connections ended, ${resets} of them by a reset`);
    if (owing > 0) this.#bad(`${owing} of ${open} connections do not answer any more`);
    return {
      ...{ faults: this.#faults, changes: this.#changes, ...this.#total, spells: this.#spells },
      ...{ crossings: await this.#census.read(), ended, resets, owing, wrong: this.#wrong },
    };
  }

  close(): void {
    this.#watch.close();
    this.#crowd.close();
  }

  #bad(what: string): void {
    this.#wrong.push(what);
    this.#options.say(`WRONG: ${what}`);
  }

  #seconds(): string {
    return `${((performance.now() - this.#began) / 1000).toFixed(1).padStart(6)}s`;
  }
}
