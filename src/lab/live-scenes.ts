/** What happens to connections that live: an address is banned, and a rule is taken away. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StreamReport } from './agent/protocol.js';
import { type Attempt, complaint, connectionKey, judge, specKey } from './judge.js';
import { ROOT } from './root.js';
import type { Screen } from './screen.js';
import { type ActorName, addressOf, type Family } from './site.js';
import type { SiteNet } from './site-net.js';
import type { DropWatch, Wall } from './wall.js';

/** The policy of the demo, relative to the project. */
export const POLICY = 'examples/infn.yaml';

/** What every scene needs. `wrong` collects complaints. */
export interface Stage {
  readonly net: SiteNet;
  readonly wall: Wall;
  readonly watch: DropWatch;
  readonly screen: Screen;
  readonly wrong: string[];
}

/** Notes something that must hold. */
export function check(stage: Stage, holds: boolean, text: string, otherwise = ''): void {
  if (holds) {
    stage.screen.good(text);
    return;
  }
  const full = otherwise === '' ? text : `${text}: ${otherwise}`;
  stage.screen.bad(full);
  stage.wrong.push(full);
}

/** Makes one attempt and checks what comes of it. */
export async function checkAttempt(stage: Stage, attempt: Attempt, text: string): Promise<void> {
  const { spec, result } = await stage.net.attempt(attempt);
  const drops = () => stage.watch.of(specKey(spec));
  if (attempt.expected !== 'open') await stage.watch.until(() => drops().length > 0, 2000);
  const judged = judge({ attempt, spec, result, drops: drops() });
  check(stage, judged.ok, text, complaint(judged));
}

/** A download that runs while something else happens. */
class LiveStream {
  readonly #stage: Stage;
  readonly #from: ActorName;
  readonly #to: ActorName;
  readonly #name: string;
  readonly #port: number;

  constructor(stage: Stage, from: ActorName, to: ActorName) {
    this.#stage = stage;
    this.#from = from;
    this.#to = to;
    this.#port = stage.net.sourcePort();
    this.#name = `${from}-${to}-${this.#port}`;
  }

  async open(): Promise<StreamReport> {
    return await this.#stage.net.agentOf(this.#from).ask('streamOpen', {
      stream: this.#name,
      source: addressOf(this.#from, 4),
      sourcePort: this.#port,
      destination: addressOf(this.#to, 4),
      port: 80,
      pace: 200_000,
    });
  }

  report(): Promise<StreamReport> {
    return this.#stage.net.agentOf(this.#from).ask('streamReport', { stream: this.#name });
  }

  close(): Promise<StreamReport> {
    return this.#stage.net.agentOf(this.#from).ask('streamClose', { stream: this.#name });
  }

  /** Waits until nothing has come for a second; false when it still flows after ten. */
  async stalled(): Promise<boolean> {
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      if ((await this.report()).idleMs > 1000) return true;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return false;
  }

  /** True when more bytes come within a second. */
  async flows(): Promise<boolean> {
    const before = (await this.report()).bytes;
    const deadline = Date.now() + 1000;
    while (Date.now() < deadline) {
      if ((await this.report()).bytes > before) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  /** Reasons that packets of this connection were dropped for, in either direction. */
  reasons(): string[] {
    const client = { address: addressOf(this.#from, 4), port: this.#port };
    const server = { address: addressOf(this.#to, 4), port: 80 };
    const key = (a: typeof client, b: typeof client) =>
      connectionKey({ proto: 'tcp', src: a.address, sport: a.port, dst: b.address, dport: b.port });
    const drops = [key(client, server), key(server, client)].flatMap((k) =>
      this.#stage.watch.of(k),
    );
    return [...new Set(drops.map((drop) => drop.reason))];
  }
}

function web(from: ActorName, family: Family, expected: Attempt['expected']): Attempt {
  return { from, to: 'www', probe: '80/tcp', family, expected };
}

/** Opens a stream that is to be cut and one that is to stay. */
async function openPair(
  stage: Stage,
  cut: ActorName,
  stay: ActorName,
): Promise<readonly [LiveStream, LiveStream]> {
  const pair = [new LiveStream(stage, cut, 'www'), new LiveStream(stage, stay, 'www')] as const;
  const reports = await Promise.all(pair.map((stream) => stream.open()));
  check(
    stage,
    reports.every((report) => report.open),
    `two downloads from WWW are running, to ${cut} and to ${stay}`,
    JSON.stringify(reports),
  );
  return pair;
}

/** Checks that the first was cut for one of `reasons`, and that the second goes on. */
async function checkCut(
  stage: Stage,
  [cut, stay]: readonly [LiveStream, LiveStream],
  reason: string,
): Promise<void> {
  const stalled = await cut.stalled();
  check(stage, stalled, 'the first download is cut', 'it still flows after ten seconds');
  await stage.watch.until(() => cut.reasons().includes(reason), 3000);
  check(
    stage,
    cut.reasons().includes(reason),
    `its packets are in the log as ${reason}`,
    `found ${cut.reasons().join(', ') || 'none'}`,
  );
  check(stage, await stay.flows(), 'the second goes on', JSON.stringify(await stay.report()));
  check(
    stage,
    stay.reasons().length === 0,
    'and lost no packet at the wall',
    stay.reasons().join(', '),
  );
  await Promise.all([cut.close(), stay.close()]);
}

/** A dynamic ban: refused as `denied`, the live connection cut, and all well again after `set del`. */
export async function banScene(stage: Stage): Promise<void> {
  const { wall, screen } = stage;
  const address = addressOf('extranet', 4);
  const pair = await openPair(stage, 'extranet', 'partner');
  screen.show(`$ bwctl set add badguys ${address} --ttl 60s`);
  screen.show(await wall.run(['set', 'add', 'badguys', address, '--ttl', '60s']));
  await checkCut(stage, pair, 'denied');
  await checkAttempt(stage, web('extranet', 4, 'denied'), 'a new connection is refused as denied');
  await checkAttempt(stage, web('extranet', 6, 'open'), 'its IPv6 address is not banned');
  const members = await wall.json<{ address: string; ttl: number | null }[]>(
    ...['set', 'list', 'badguys'],
  );
  const member = members.find((m) => m.address === address);
  check(
    stage,
    member?.ttl !== undefined && member.ttl !== null && member.ttl <= 60,
    `bwctl set list badguys: ${address}, ${member?.ttl} s to go`,
    JSON.stringify(members),
  );
  screen.show(`$ bwctl set del badguys ${address}`);
  screen.show(await wall.run(['set', 'del', 'badguys', address]));
  await checkAttempt(stage, web('extranet', 4, 'open'), 'and the address is welcome again');
}

/** The policy without the line that lets the Extranet into WWW. */
export function withoutExtranetWeb(text: string): string {
  const line = /^ {2}- \{from: extranet, to: www, .*\n/m;
  if (!line.test(text)) throw new Error(`${POLICY} has no line from extranet to www`);
  return text.replace(line, '');
}

/** A rule is taken away under a living connection. */
export async function changeScene(stage: Stage): Promise<void> {
  const { net, wall, screen } = stage;
  const variant = net.lab.file(
    'infn-without-extranet-web.yaml',
    withoutExtranetWeb(readFileSync(join(ROOT, POLICY), 'utf8')),
  );
  const pair = await openPair(stage, 'extranet', 'intranet');
  screen.show('$ bwctl plan infn-without-extranet-web.yaml');
  const plan = await wall.try('plan', variant);
  screen.show(plan.stdout);
  check(stage, plan.status === 2, 'plan: there are differences (exit status 2)', plan.stderr);
  screen.show('$ bwctl apply infn-without-extranet-web.yaml');
  screen.show(await wall.run(['apply', variant]));
  await checkCut(stage, pair, 'no-in');
  await checkAttempt(stage, web('extranet', 4, 'no-in'), 'a new connection is refused as no-in');
  screen.show(`$ bwctl apply ${POLICY}`);
  screen.show(await wall.run(['apply', POLICY]));
  await checkAttempt(stage, web('extranet', 4, 'open'), 'and the line is back');
}
