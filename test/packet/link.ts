/** Link layer: Ethernet, VLAN tags, 802.3 with LLC, ARP. */
import { ipv4Bytes, macBytes } from './address.js';
import type { Enclosing, Layer } from './layer.js';

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';

export interface EtherOptions {
  src: string;
  dst: string;
  /** Default: what the next layer announces; 0x88b5 when that announces nothing. */
  type?: number;
}

/** An Ethernet header. */
export function ether(options: EtherOptions): Layer {
  return {
    build(payload, enclosing) {
      const type = Buffer.alloc(2);
      type.writeUInt16BE(options.type ?? announced(enclosing));
      return Buffer.concat([macBytes(options.dst), macBytes(options.src), type, payload]);
    },
  };
}

export interface VlanOptions {
  /** 0x8100 (default) or 0x88a8. */
  tpid?: number;
  priority?: number;
  /** Drop eligible bit. */
  dei?: boolean;
  type?: number;
}

/** A VLAN tag; `vid` 0 makes a priority tag. */
export function vlan(vid: number, options: VlanOptions = {}): Layer {
  return {
    ethertype: options.tpid ?? 0x8100,
    build(payload, enclosing) {
      const tag = Buffer.alloc(4);
      tag.writeUInt16BE(((options.priority ?? 0) << 13) | (options.dei ? 0x1000 : 0) | vid, 0);
      tag.writeUInt16BE(options.type ?? announced(enclosing), 2);
      return Buffer.concat([tag, payload]);
    },
  };
}

function announced(enclosing: Enclosing): number {
  return enclosing.next?.ethertype ?? 0x88b5;
}

/** An 802.3 header: a length where Ethernet II has a type, then LLC (and SNAP). */
export function ieee8023(options: {
  src: string;
  dst: string;
  llc: string;
  length?: number;
}): Layer {
  return {
    build(payload) {
      const body = Buffer.concat([Buffer.from(options.llc, 'hex'), payload]);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(options.length ?? body.length);
      return Buffer.concat([macBytes(options.dst), macBytes(options.src), length, body]);
    },
  };
}

export interface ArpOptions {
  /** 1: request (default), 2: reply. */
  operation?: number;
  senderMac: string;
  sender: string;
  targetMac?: string;
  target: string;
  hardware?: number;
  protocol?: number;
  hardwareLength?: number;
  protocolLength?: number;
}

/** An ARP packet, 28 bytes. */
export function arp(options: ArpOptions): Layer {
  return {
    ethertype: 0x0806,
    build(payload) {
      const head = Buffer.alloc(8);
      head.writeUInt16BE(options.hardware ?? 1, 0);
      head.writeUInt16BE(options.protocol ?? 0x0800, 2);
      head.writeUInt8(options.hardwareLength ?? 6, 4);
      head.writeUInt8(options.protocolLength ?? 4, 5);
      head.writeUInt16BE(options.operation ?? 1, 6);
      return Buffer.concat([
        head,
        macBytes(options.senderMac),
        ipv4Bytes(options.sender),
        macBytes(options.targetMac ?? '00:00:00:00:00:00'),
        ipv4Bytes(options.target),
        payload,
      ]);
    },
  };
}
