/** Says every few milliseconds that this node is there, and knows where the other one was heard. */
import { randomBytes } from 'node:crypto';
import { Beacon, type BeaconSnapshot, type BeaconUdp } from '../../../native/lib/index.js';
import {
  type Dataplane,
  macBytes,
  type NumberedPort,
  PairMap,
  trafficCounters,
} from '../../control/dataplane/index.js';
import * as layouts from '../../generated/layouts.js';
import {
  type Announcement,
  LOST_MS,
  type Path,
  type PathView,
  PROBE_MS,
  SEGMENTS,
  type Segment,
} from '../roles/index.js';
import type { PairKeys } from './keys.js';
import { Silence } from './silence.js';
import {
  announcementOf,
  ETHERNET_BYTES,
  flagsOf,
  maskOf,
  nodeNumber,
  PROBE_BYTES,
  probeFrame,
  probeTemplate,
  type Speaker,
} from './wire.js';

const { ProbeWire } = layouts;
const MS = 1_000_000n;
/** A stranger that was not heard for so long has gone. */
const STRANGE_MS = 1000;

export interface ProberOptions {
  readonly dataplane: Pick<Dataplane, 'map'>;
  readonly node: string;
  readonly peer: string;
  readonly priority: number;
  readonly ports: readonly NumberedPort[];
  /** The sync link: where from, and where to, as far as that is known; null: there is none. */
  readonly link: Pick<
    BeaconUdp,
    'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'
  > | null;
  /** Something changed; several changes may be told as one. */
  readonly onChange: () => void;
}

/** What the prober knows at one moment. */
export interface ProberView {
  readonly now: number;
  readonly paths: Record<Path, PathView>;
  readonly quiet: Record<Segment, number>;
  readonly strangers: boolean;
}

export class Prober {
  readonly #pair: PairMap;
  readonly #speaker: Speaker;
  readonly #beacon: Beacon;
  readonly #began: bigint;
  readonly #silences = { uplink: new Silence(), inside: new Silence(), sync: new Silence() };
  #frames = '';

  constructor(options: ProberOptions) {
    const { dataplane, node, peer, priority } = options;
    this.#pair = new PairMap(dataplane);
    const numbers = { node: nodeNumber(node), peer: nodeNumber(peer) };
    const first = node.toLowerCase() < peer.toLowerCase();
    const life = randomBytes(8).readBigUInt64LE(0);
    this.#speaker = { node: numbers.node, priority, life };
    // What may fail comes before what changes the pair.
    this.#beacon = new Beacon(this.#spec(options, numbers.peer), options.onChange);
    try {
      this.#began = this.#beacon.snapshot().now;
      this.setPorts(options.ports);
      this.#pair.begin({ ...numbers, priority, first, life });
    } catch (error) {
      this.#beacon.close();
      throw error;
    }
  }

  /** Ports may come, go and come back with another device. */
  setPorts(ports: readonly NumberedPort[]): void {
    const there = ports.filter(({ ifindex }) => ifindex !== 0);
    const frames = there.map(({ ifindex, mac, side }) => {
      return { ifindex, bytes: probeFrame(macBytes(mac), probeTemplate(this.#speaker, side)) };
    });
    const text = there.map(({ ifindex, mac, side }) => `${ifindex} ${mac} ${side}`).join();
    if (text === this.#frames) return;
    this.#frames = text;
    this.#beacon.setFrames(frames, ETHERNET_BYTES + PROBE_BYTES);
  }

  /** Both ends of the talk take these from now on. */
  setKeys({ slots, sign }: PairKeys): void {
    const bytes = Buffer.alloc(32);
    let usable = 0;
    for (const [slot, key] of slots.entries()) {
      if (key === null) {
        this.#pair.dropKey(slot);
        continue;
      }
      this.#pair.setKey(slot, key);
      bytes.set(key, slot * 16);
      usable |= 1 << slot;
    }
    this.#beacon.setKeys(bytes, usable, sign, this.#newest());
  }

  /** The other node has another address on the sync link. */
  setPeer(address: string, port: number): void {
    this.#beacon.setRemote(address, port);
  }

  announce(what: Pick<Announcement, 'ready' | 'fault' | 'yielding'>): void {
    this.#pair.flags = flagsOf(what);
  }

  /** See {@link Beacon.setMoved}. */
  setMoved(records: Uint8Array, count: number): void {
    this.#beacon.setMoved(records, count);
  }

  /** Sends now; `moved`: and tells switches where MACs are. */
  kick(moved: boolean): void {
    this.#beacon.kick(moved);
  }

  view(): ProberView {
    const snapshot = this.#beacon.snapshot();
    const quiet = (side: number) => this.#pair.quiet(side) * ProbeWire.PROBE_QUIET_MS;
    const sides = SEGMENTS.map((_, side) => this.#pair.heard(side));
    const [uplink, inside] = sides.map(({ at, said }, side) =>
      this.#pathView(SEGMENTS[side]!, at, said, snapshot),
    );
    const said =
      snapshot.said.length === 0 ? null : layouts.probe.decode(Buffer.from(snapshot.said));
    return {
      now: Number(snapshot.now / MS),
      paths: {
        uplink: uplink!,
        inside: inside!,
        sync: this.#pathView('sync', snapshot.heard, said, snapshot),
      },
      quiet: { uplink: quiet(0), inside: quiet(1) },
      strangers: sides.some(
        ({ strange }) => strange >= this.#began && snapshot.now - strange < BigInt(STRANGE_MS) * MS,
      ),
    };
  }

  get snapshot(): BeaconSnapshot {
    return this.#beacon.snapshot();
  }

  close(): void {
    this.#beacon.close();
  }

  /** As of the thread's last look. */
  #pathView(
    path: Path,
    at: bigint,
    said: layouts.Probe | null,
    { looked, awake }: BeaconSnapshot,
  ): PathView {
    const met = at >= this.#began;
    return {
      met,
      silentFor: Number(this.#silences[path].seen(at, looked, awake)) / Number(MS),
      said: met && said !== null ? announcementOf(said) : null,
    };
  }

  #spec({ dataplane, ports, link }: ProberOptions, peer: number) {
    const [pair, heard, role] = [
      dataplane.map('pair'),
      dataplane.map('heard'),
      dataplane.map('role'),
    ];
    const at = layouts.probe.offsets;
    const own = layouts.pair.offsets;
    const inPair = (offset: number) => ({ map: pair, offset });
    const inHeard = (side: number, offset: number) => ({
      map: heard,
      offset: side * layouts.heard.size + offset,
    });
    const inRole = (offset: number) => ({ map: role, offset });
    return {
      intervalMs: PROBE_MS,
      lostMs: LOST_MS,
      quietUnitMs: ProbeWire.PROBE_QUIET_MS,
      payloadAt: ETHERNET_BYTES,
      payloadBytes: PROBE_BYTES,
      counterAt: at.counter,
      keyAt: at.key,
      counter: this.#answered(),
      awake: inPair(own.awake),
      hears: inPair(own.hears),
      heard: [0, 1].map((side) => inHeard(side, layouts.heard.offsets.at)),
      fields: [
        { from: inRole(layouts.role.offsets.epoch), at: at.epoch, length: 4, reverse: true },
        { from: inRole(layouts.role.offsets.flags), at: at.role, length: 1 },
        { from: inPair(own.flags), at: at.flags, length: 1 },
        { from: inPair(own.hears), at: at.hears, length: 1 },
        { from: inPair(own.quiet), at: at.quiet, length: 2 },
      ],
      regions: [
        { ...inRole(0), length: 8 },
        ...[0, 1].map((side) => ({ ...inHeard(side, layouts.heard.offsets.said), length: 16 })),
      ],
      counters: dataplane.map('outcomes'),
      activities: SEGMENTS.map((segment, side) => {
        const counters = ports
          .filter((port) => port.side === segment)
          .map(({ number }) => trafficCounters(number));
        return {
          plus: counters.flatMap(({ plus }) => plus),
          minus: counters.flatMap(({ minus }) => minus),
          quiet: inPair(own.quiet + side),
        };
      }),
      udp: link && { ...link, ...this.#datagrams(peer) },
    };
  }

  #datagrams(peer: number) {
    const template = probeTemplate({ ...this.#speaker, node: peer }, 'sync');
    return {
      datagram: probeTemplate(this.#speaker, 'sync'),
      expected: template,
      expectedMask: maskOf(['magic', 'version', 'kind', 'path', 'node']),
      toldMask: maskOf(['priority', 'epoch', 'role', 'flags', 'hears', 'life']),
    };
  }

  /**
   * Newest counters of the other node, by key. The packet path remembers those of the segments from before this
   * daemon; the other node counts on in one row over all paths, so they tell what is old on the sync link, too.
   */
  #newest(): bigint[] {
    const [uplink, inside] = [0, 1].map((side) => this.#pair.heard(side).counters);
    return uplink!.map((counter, slot) => (counter > inside![slot]! ? counter : inside![slot]!));
  }

  /** The other node may remember these from before this daemon. */
  #answered(): bigint {
    const [uplink, inside] = [0, 1].map((side) => this.#pair.heard(side).answered);
    return uplink! > inside! ? uplink! : inside!;
  }
}
