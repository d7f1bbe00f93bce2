/** The site as namespaces: a station for each machine, one cable each to the namespace of the wall. */

import { Agent } from './agent/handle.js';
import type { AttemptResult, AttemptSpec } from './agent/protocol.js';
import { datagramText } from './agent/wire.js';
import { type Attempt, attemptSpec, type Drop, specKey, type Tried } from './judge.js';
import type { Lab, Namespace } from './netns.js';
import { type ActorName, actorsAt, STATIONS, serviceSpec, stationOf } from './site.js';

/** Clients of one station that run at a time. */
const AT_A_TIME = 48;
const FIRST_SOURCE_PORT = 10_000;

/** The running site. */
export class SiteNet {
  readonly lab: Lab;
  /** Where the wall's ports are. */
  readonly wall: Namespace;
  readonly #agents = new Map<string, Agent>();
  #nextPort = FIRST_SOURCE_PORT;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.wall = lab.namespace('wall');
  }

  /** Builds the site in `lab` and starts every server; the wall's ports are up and belong to nobody. */
  static async build(lab: Lab): Promise<SiteNet> {
    const net = new SiteNet(lab);
    await Promise.all(
      STATIONS.map(async (station) => {
        const namespace = lab.namespace(station.name);
        const addresses = actorsAt(station.name).flatMap((a) => [`${a.v4}/32`, `${a.v6}/128`]);
        lab.link(
          { namespace, device: 'eth0', addresses },
          { namespace: net.wall, device: station.port },
        );
        // A bridge has no subnets: everybody is a neighbour of everybody.
        namespace.ip('route', 'add', 'default', 'dev', 'eth0');
        namespace.ip('-6', 'route', 'add', 'default', 'dev', 'eth0');
        const agent = new Agent(namespace);
        net.#agents.set(station.name, agent);
        await agent.ask('serve', {
          host: station.name,
          addresses: actorsAt(station.name).flatMap((a) => [a.v4, a.v6]),
          services: station.serves.map(serviceSpec),
        });
      }),
    );
    await lab.settled();
    return net;
  }

  /** Puts a plain kernel bridge where the wall will be; call the result to take it away again. */
  plainBridge(): () => void {
    const { wall } = this;
    wall.ip('link', 'add', 'plain0', 'type', 'bridge', 'forward_delay', '0');
    wall.sysctl('net.ipv6.conf.plain0.disable_ipv6', 1);
    for (const call of ['iptables', 'ip6tables', 'arptables']) {
      wall.ip('link', 'set', 'plain0', 'type', 'bridge', `nf_call_${call}`, '0');
    }
    for (const { port } of STATIONS) wall.ip('link', 'set', port, 'master', 'plain0');
    wall.ip('link', 'set', 'plain0', 'up');
    return () => wall.ip('link', 'delete', 'plain0');
  }

  /** The agent at an actor's station. */
  agentOf(name: ActorName): Agent {
    const agent = this.#agents.get(stationOf(name).name);
    if (!agent) throw new Error(`${name} has no agent`);
    return agent;
  }

  /** A source port that this run has not used yet. */
  sourcePort(): number {
    return this.#nextPort++;
  }

  /** Makes one attempt. */
  async attempt(attempt: Attempt): Promise<{ spec: AttemptSpec; result: AttemptResult }> {
    const spec = attemptSpec(attempt, this.sourcePort());
    const result = await this.agentOf(attempt.from).ask('attempt', spec);
    if (spec.kind !== 'syslog' || result.outcome !== 'silent') return { spec, result };
    const { heard } = await this.agentOf(attempt.to).ask('heard', {
      text: datagramText(spec),
      timeoutMs: spec.timeoutMs,
    });
    return { spec, result: heard ? { outcome: 'answered', detail: 'heard' } : result };
  }

  /** Makes all attempts, those of different stations side by side; `onDone` is told how many are done. */
  async attemptAll(
    attempts: readonly Attempt[],
    onDone: (count: number) => void,
  ): Promise<Omit<Tried, 'drops'>[]> {
    const tried: Omit<Tried, 'drops'>[] = [];
    const queues = STATIONS.map(({ name }) =>
      attempts.filter((attempt) => stationOf(attempt.from).name === name),
    );
    await Promise.all(
      queues.flatMap((queue) => {
        const rest = queue[Symbol.iterator]();
        return Array.from({ length: AT_A_TIME }, async () => {
          for (const attempt of rest) {
            const { spec, result } = await this.attempt(attempt);
            tried.push({ attempt, spec, result });
            onDone(tried.length);
          }
        });
      }),
    );
    return tried;
  }
}

/** Gives each attempt the drops of its own connection. */
export function withDrops(tried: readonly Omit<Tried, 'drops'>[], drops: DropBook): Tried[] {
  return tried.map((one) => ({ ...one, drops: drops.of(specKey(one.spec)) }));
}

/** Recorded drops, by connection. */
export interface DropBook {
  of(key: string): readonly Drop[];
}
