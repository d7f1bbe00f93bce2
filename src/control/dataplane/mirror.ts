/**
 * What the packet path knows of the kernel's ports, and until when it may believe it. Facts first,
 * then the lease: a reader that believes sees facts no older than the lease was granted for.
 */
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';

const { MirrorWord, PortState } = layouts;

/** Seconds. A daemon that looks twice a second renews it four times over. */
const LEASE_SECONDS = 2;

/** Facts of a port, as rtnetlink tells them; `none` is no port of the bridge. */
export interface PortFacts {
  readonly state: 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking' | 'none';
  readonly carrier: boolean;
  /** Bytes. */
  readonly mtu: number;
}

const STATES: Readonly<Record<PortFacts['state'], number>> = {
  none: PortState.DISABLED,
  disabled: PortState.DISABLED,
  listening: PortState.LISTENING,
  learning: PortState.LEARNING,
  forwarding: PortState.FORWARDING,
  blocking: PortState.BLOCKING,
};

/** What a write changed. */
export interface PortChange {
  /** It began or ceased to forward. */
  readonly forwarding: boolean;
  /** There was nothing known of it before. */
  readonly first: boolean;
}

export class Mirror {
  readonly #dataplane: Dataplane;

  constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
  }

  /** The time that a lease counts from: it is asked for before the kernel is asked for facts. */
  begin(): bigint {
    return this.#dataplane.clock.now();
  }

  /**
   * Tells the packet path about the port with this number, as long as that device is the port.
   * Undefined: it knew all that.
   */
  write(port: { number: number; ifindex: number }, facts: PortFacts): PortChange | undefined {
    const list = this.#dataplane.map('port_list');
    const key = index(port.number);
    const before = layouts.port.decode(list.lookup(key)!);
    const after = {
      ...before,
      state: STATES[facts.state],
      carrier: facts.carrier ? 1 : 0,
      mtu: facts.mtu,
    };
    const same =
      before.state === after.state && before.carrier === after.carrier && before.mtu === after.mtu;
    if (same || before.ifindex !== port.ifindex) return undefined;
    list.update(key, layouts.port.encode(after));
    const forwards = (state: number) => state === PortState.FORWARDING;
    return {
      forwarding: forwards(before.state) !== forwards(after.state),
      first: before.state === PortState.UNKNOWN,
    };
  }

  /** Has the packet path believe all that was written. @param since as `begin` told */
  believe(since: bigint): void {
    const { clock } = this.#dataplane;
    const until = since + clock.jiffies(LEASE_SECONDS);
    const held = this.#word(MirrorWord.UNTIL);
    // Nobody saw what changed while nothing was believed.
    if (held < clock.now()) this.forgetAddresses();
    if (until > held) this.#dataplane.map('mirror').storeWord(MirrorWord.UNTIL, until);
  }

  /** The topology has changed: learned MACs count for nothing until they are seen again. */
  forgetAddresses(): void {
    this.#dataplane.map('mirror').storeWord(MirrorWord.SINCE, this.#dataplane.clock.now());
  }

  /** Has the box say no BPDUs of its own for so many seconds. */
  hush(seconds: number): void {
    const { clock } = this.#dataplane;
    const speaks = clock.now() + clock.jiffies(seconds);
    this.#dataplane.map('mirror').storeWord(MirrorWord.SPEAKS, speaks);
  }

  #word(word: number): bigint {
    return this.#dataplane.map('mirror').lookup(index(word))!.readBigUInt64LE(0);
  }
}
