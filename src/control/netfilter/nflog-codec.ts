/** nfnetlink_log: the messages that set a group up, and the records that come from it. */
import { Attributes, AttributeWriter, type NetlinkMessage } from '../netlink/index.js';
import { decodeFrame, type FrameFacts, type OutOfBandTag } from './decode.js';

const SUBSYSTEM = 4;
/** Message types: subsystem in the upper byte. */
export const NflogMessage = { PACKET: SUBSYSTEM << 8, CONFIG: (SUBSYSTEM << 8) | 1 } as const;

const HEADER = 4;
const UNSPEC = 0;
const ConfigAttribute = {
  COMMAND: 1,
  MODE: 2,
  BUFFER_BYTES: 3,
  TIMEOUT: 4,
  BATCH: 5,
  FLAGS: 6,
} as const;
const Command = { BIND: 1, UNBIND: 2 } as const;
const COPY_PACKET = 2;
const FLAG_SEQUENCE = 1;
const PacketAttribute = {
  MARK: 2,
  TIMESTAMP: 3,
  IN_DEVICE: 4,
  PHYSICAL_IN_DEVICE: 6,
  PAYLOAD: 9,
  PREFIX: 10,
  SEQUENCE: 12,
  HARDWARE_HEADER: 16,
  VLAN: 20,
  LINK_HEADER: 21,
} as const;
const VlanAttribute = { PROTOCOL: 1, TCI: 2 } as const;

/** One frame that netfilter logged. */
export interface NflogRecord extends FrameFacts {
  /** skb mark: `enum mark_bits` of bpf/layout.h. */
  readonly mark: number;
  /** When the kernel logged it, in milliseconds since 1970. */
  readonly time: number;
  /** Port of entry; 0 when unknown. */
  readonly ifindex: number;
  /** Text that the nft rule gave. */
  readonly prefix: string;
  /** Number of the record in its group, for finding gaps; undefined when the kernel gave none. */
  readonly sequence: number | undefined;
  /**
   * Bytes of the frame from its destination MAC on, its outer tag included. What is longer than the
   * record carries is taken from the IP header.
   */
  readonly length: number;
  /** Those bytes that the record carries, without a tag that the kernel had taken out. */
  readonly frame: Buffer;
}

/** How a group is to send. */
export interface NflogSettings {
  /** Bytes of payload per record. */
  readonly bytes: number;
  /** Records that are gathered before they are sent. */
  readonly batch: number;
  /** Longest that a record waits for others, in hundredths of a second. */
  readonly timeoutHundredths: number;
  /** Size of the buffer in which the kernel gathers them. */
  readonly bufferBytes: number;
}

/** Claims a group for the socket that sends this. */
export function bindMessage(group: number): Buffer {
  return config(group, new AttributeWriter().u8(ConfigAttribute.COMMAND, Command.BIND));
}

export function unbindMessage(group: number): Buffer {
  return config(group, new AttributeWriter().u8(ConfigAttribute.COMMAND, Command.UNBIND));
}

export function settingsMessage(group: number, settings: NflogSettings): Buffer {
  const mode = Buffer.alloc(6);
  mode.writeUInt32BE(settings.bytes, 0);
  mode.writeUInt8(COPY_PACKET, 4);
  const attributes = new AttributeWriter()
    .bytes(ConfigAttribute.MODE, mode)
    .u32be(ConfigAttribute.BUFFER_BYTES, settings.bufferBytes)
    .u32be(ConfigAttribute.TIMEOUT, settings.timeoutHundredths)
    .u32be(ConfigAttribute.BATCH, settings.batch)
    .u16be(ConfigAttribute.FLAGS, FLAG_SEQUENCE);
  return config(group, attributes);
}

/** Group of a packet message, or undefined when it is none. */
export function packetGroup(message: NetlinkMessage): number | undefined {
  if (message.type !== NflogMessage.PACKET || message.payload.length < HEADER) return undefined;
  return message.payload.readUInt16BE(2);
}

/** Reads a packet message; `now` (ms since 1970) stands in for a timestamp that is missing. */
export function decodeRecord(message: NetlinkMessage, now: number): NflogRecord {
  const attributes = new Attributes(message.payload, HEADER);
  const payload = attributes.bytes(PacketAttribute.PAYLOAD) ?? Buffer.alloc(0);
  const header =
    attributes.bytes(PacketAttribute.LINK_HEADER) ??
    attributes.bytes(PacketAttribute.HARDWARE_HEADER) ??
    Buffer.alloc(0);
  const frame = Buffer.concat([header, payload]);
  const tag = vlanTag(attributes);
  const facts = decodeFrame(frame, tag);
  return {
    ...facts,
    mark: attributes.u32be(PacketAttribute.MARK) ?? 0,
    time: timestamp(attributes.bytes(PacketAttribute.TIMESTAMP)) ?? now,
    // In a bridge the device is the bridge in later hooks, and the physical one the port.
    ifindex:
      attributes.u32be(PacketAttribute.PHYSICAL_IN_DEVICE) ??
      attributes.u32be(PacketAttribute.IN_DEVICE) ??
      0,
    prefix: attributes.text(PacketAttribute.PREFIX) ?? '',
    sequence: attributes.u32be(PacketAttribute.SEQUENCE),
    length: fullLength(frame, facts) + (tag === undefined ? 0 : 4),
    frame,
  };
}

function config(group: number, attributes: AttributeWriter): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(UNSPEC, 0);
  header.writeUInt16BE(group, 2);
  return Buffer.concat([header, attributes.finish()]);
}

function vlanTag(attributes: Attributes): OutOfBandTag | undefined {
  const vlan = attributes.nested(PacketAttribute.VLAN);
  const tci = vlan?.u16be(VlanAttribute.TCI);
  const protocol = vlan?.u16be(VlanAttribute.PROTOCOL);
  return tci === undefined || protocol === undefined ? undefined : { protocol, tci };
}

function timestamp(bytes: Buffer | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 16) return undefined;
  const seconds = Number(bytes.readBigUInt64BE(0));
  return seconds * 1000 + Math.floor(Number(bytes.readBigUInt64BE(8)) / 1000);
}

/** Records carry the beginning of a frame only; how long it was stands in its IP header. */
function fullLength(frame: Buffer, facts: FrameFacts): number {
  const network = facts.networkOffset;
  const ip = frame.subarray(network);
  let length = 0;
  if (facts.etherType === 0x0800 && ip.length >= 4) length = network + ip.readUInt16BE(2);
  else if (facts.etherType === 0x86dd && ip.length >= 6) length = network + 40 + ip.readUInt16BE(4);
  return Math.max(length, frame.length);
}
