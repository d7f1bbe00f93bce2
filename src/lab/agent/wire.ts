/** The few binary messages that the lab's servers and clients exchange. */

import type { AttemptSpec } from './protocol.js';

/** A DNS query for the A record of `name`. */
export function dnsQuery(id: number, name: string): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').map((label) => {
    const bytes = Buffer.from(label, 'latin1');
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** The answer to a query: the question, and one A record 192.0.2.1. */
export function dnsAnswer(query: Buffer): Buffer {
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
  const message = Buffer.concat([query, answer]);
  message.writeUInt16BE(0x8580, 2);
  message.writeUInt16BE(1, 6);
  return message;
}

/** True when `message` answers the query with this id and holds one record. */
export function isDnsAnswer(message: Buffer, id: number): boolean {
  return (
    message.length > 12 &&
    message.readUInt16BE(0) === id &&
    (message.readUInt16BE(2) & 0x800f) === 0x8000 &&
    message.readUInt16BE(6) === 1
  );
}

/** DNS over TCP puts the length first. */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** LDAP anonymous simple bind, version 3, message 1. */
export const LDAP_BIND = Buffer.from('300c020101600702010304008000', 'hex');
/** Its answer: success. */
export const LDAP_BIND_DONE = Buffer.from('300c02010161070a010004000400', 'hex');

/** An NTP client's request (version 4). */
export function ntpRequest(): Buffer {
  const packet = Buffer.alloc(48);
  packet[0] = 0x23;
  packet.writeUInt32BE(0x5ca1ab1e, 40);
  return packet;
}

/** An NTP server's reply: the transmit time comes back as the originate time. */
export function ntpReply(request: Buffer): Buffer {
  const packet = Buffer.alloc(48);
  packet[0] = 0x24;
  packet[1] = 1;
  request.copy(packet, 24, 40, 48);
  return packet;
}

/** A RADIUS Access-Request without attributes. */
export function radiusRequest(id: number): Buffer {
  const packet = Buffer.alloc(20);
  packet[0] = 1;
  packet[1] = id;
  packet.writeUInt16BE(20, 2);
  return packet;
}

/** Access-Reject for it. */
export function radiusReject(request: Buffer): Buffer {
  const packet = Buffer.alloc(20);
  packet[0] = 3;
  packet[1] = request[1] ?? 0;
  packet.writeUInt16BE(20, 2);
  return packet;
}

/** Text of a one-way datagram: names the very attempt. */
export function datagramText(spec: AttemptSpec): string {
  return `<13>${spec.source} ${spec.sourcePort} to ${spec.destination} ${spec.port}`;
}
