/** What must be true before a bridge is touched. Nothing here changes anything. */
import type { NodeConfig } from '../config/index.js';
import { BridgeError, type BridgeErrorCode, type BridgeProblem } from './errors.js';
import { type Link, type LinkAddress, LinkFlag } from './link-codec.js';
import type { Links } from './links.js';

const ETHERNET = 1;

/** The links of this namespace as they were found, ready to be joined. */
export interface BridgeSurvey {
  /** Undefined: the bridge is yet to be made. */
  readonly bridge: Link | undefined;
  /** Those that there are, in the order of the node file. */
  readonly ports: readonly Link[];
  /** Names of ports of a wall that stands whose devices are gone; the others go on without them. */
  readonly absent: readonly string[];
  /** Ports of the bridge that the node file does not name. */
  readonly strangers: readonly Link[];
  /** What would have been refused, had the wall not stood already. */
  readonly overlooked: readonly BridgeProblem[];
}

/** Which links may have an address or carry the default route. */
export interface Leniency {
  /** All of them. */
  readonly force: boolean;
  /**
   * Names of the ports of a wall that stands; undefined: none does. Nothing is said against the bridge
   * and them that is not said while a daemon runs: refusing to look after them helps nobody.
   */
  readonly standing?: ReadonlySet<string>;
}

/** The facts that a judgement rests on. */
export interface LinkFacts {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** ifindexes that a default route leaves by. */
  readonly defaultRoutes: ReadonlySet<number>;
}

/**
 * Looks at everything that the node file names. Throws BridgeError with every problem found,
 * NetlinkError.
 */
export async function checkBridge(
  links: Links,
  config: NodeConfig,
  leniency: Leniency,
): Promise<BridgeSurvey> {
  const facts = {
    links: await links.list(),
    addresses: await links.addresses(),
    defaultRoutes: await links.defaultRoutes(),
  };
  return surveyLinks(facts, config.bridge, leniency);
}

/** Judges the facts. Throws BridgeError. */
export function surveyLinks(
  facts: LinkFacts,
  wanted: NodeConfig['bridge'],
  { force, standing }: Leniency,
): BridgeSurvey {
  const problems: BridgeProblem[] = [];
  const overlooked: BridgeProblem[] = [];
  const report = (code: BridgeErrorCode, link: string, message: string) =>
    problems.push({ code, link, message });
  const byName = new Map(facts.links.map((link) => [link.name, link]));
  const names = new Map(facts.links.map((link) => [link.ifindex, link.name]));

  const bridge = byName.get(wanted.name);
  if (bridge !== undefined && bridge.kind !== 'bridge') {
    report('name-clash', bridge.name, `${bridge.name} exists and is no bridge`);
  } else if (bridge !== undefined && bridge.master !== 0) {
    const master = names.get(bridge.master) ?? `#${bridge.master}`;
    report('port-in-bridge', bridge.name, `bridge ${bridge.name} is itself a port of ${master}`);
  }
  const ports: Link[] = [];
  const absent: string[] = [];
  for (const { name } of wanted.ports) {
    const port = byName.get(name);
    if (port === undefined && standing?.has(name)) {
      absent.push(name);
      continue;
    }
    if (port === undefined) {
      report('port-missing', name, `there is no port ${name} in this network namespace`);
      continue;
    }
    ports.push(port);
    if (port.hardware !== ETHERNET || (port.flags & LinkFlag.LOOPBACK) !== 0) {
      report('port-unfit', name, `port ${name} is no Ethernet interface`);
    } else if (port.kind === 'bridge') {
      report('port-unfit', name, `port ${name} is itself a bridge`);
    }
    if (port.master !== 0 && port.master !== bridge?.ifindex) {
      const master = names.get(port.master) ?? `#${port.master}`;
      const message = `port ${name} already belongs to ${master}`;
      if (standing?.has(name)) overlooked.push({ code: 'port-in-bridge', link: name, message });
      else report('port-in-bridge', name, message);
    }
  }
  for (const link of bridge === undefined ? ports : [bridge, ...ports]) {
    const joined = link === bridge || standing?.has(link.name);
    if (standing !== undefined && joined) overlooked.push(...inUse(facts, link));
    else if (!force) problems.push(...inUse(facts, link).map(withRemedy));
  }
  const [first, ...others] = problems;
  if (first !== undefined) throw new BridgeError([first, ...others]);
  const chosen = new Set(ports.map((port) => port.ifindex));
  const strangers = facts.links.filter(
    (link) => bridge !== undefined && link.master === bridge.ifindex && !chosen.has(link.ifindex),
  );
  return { bridge, ports, absent, strangers, overlooked };
}

function inUse(facts: LinkFacts, link: Link): BridgeProblem[] {
  const found: BridgeProblem[] = [];
  const address = facts.addresses.find((each) => each.ifindex === link.ifindex && !each.linkLocal);
  if (address !== undefined) {
    const text = `${address.address}/${address.prefixLength}`;
    found.push({
      code: 'has-address',
      link: link.name,
      message: `${link.name} has the address ${text}`,
    });
  }
  if (facts.defaultRoutes.has(link.ifindex)) {
    found.push({
      code: 'has-default-route',
      link: link.name,
      message: `${link.name} carries the default route`,
    });
  }
  return found;
}

function withRemedy(problem: BridgeProblem): BridgeProblem {
  return { ...problem, message: `${problem.message} (--force takes it all the same)` };
}
