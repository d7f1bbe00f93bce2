/** The greeting of peers: who they are, and in which format they go on. See peer.proto. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { packageVersion } from '../../control/package.js';
import type { HelloRequest__Output } from '../../generated/proto/bridgewall/v1/HelloRequest.js';
import type { PeerHandlers } from '../../generated/proto/bridgewall/v1/Peer.js';

/** Formats of replication that this version speaks: its own and the one before, the highest first. */
export const FORMATS: readonly number[] = [1];

/** How a node introduces itself. */
export interface PeerIdentity {
  readonly node: string;
  readonly formats: readonly number[];
  /** Another one after every boot of the machine. */
  readonly bootId: string;
  /** Another one after every start of the daemon. */
  readonly instance: string;
  readonly version: string;
}

/** This process. */
export function ownIdentity(node: string): PeerIdentity {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { node, formats: FORMATS, bootId, instance: randomUUID(), version: packageVersion() };
}

/** The highest format that both speak. */
export function commonFormat(
  own: readonly number[],
  theirs: readonly number[],
): number | undefined {
  const both = own.filter((format) => theirs.includes(format));
  return both.length === 0 ? undefined : Math.max(...both);
}

/** @param onHello told of every greeting that was answered */
export function helloHandlers(
  own: PeerIdentity,
  peer: string,
  onHello: (peer: PeerIdentity, format: number) => void = () => {},
): PeerHandlers {
  return {
    Hello: ({ request }, reply) => {
      const problem = mistake(request, peer);
      const format = commonFormat(own.formats, request.formats);
      if (problem !== undefined) reply({ code: status.INVALID_ARGUMENT, details: problem });
      else if (format === undefined) {
        const details = `no common format: ${own.node} speaks ${own.formats.join(', ')}`;
        reply({ code: status.FAILED_PRECONDITION, details });
      } else {
        onHello(request, format);
        reply(null, { ...own, formats: [...own.formats], format });
      }
    },
  };
}

function mistake({ node, formats }: HelloRequest__Output, peer: string): string | undefined {
  // DNS names are the same in capitals.
  if (node.toLowerCase() !== peer.toLowerCase()) {
    return `the caller says that it is ${JSON.stringify(node.slice(0, 63))}, its certificate ${peer}`;
  }
  return formats.length === 0 ? 'the caller names no format' : undefined;
}
