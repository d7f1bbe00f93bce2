/** Changes and digests of members as messages. */
import type {
  MemberChange as ChangeMessage,
  MemberChange__Output,
} from '../../generated/proto/bridgewall/v1/MemberChange.js';
import type {
  MemberDigestsResponse,
  MemberDigestsResponse__Output,
} from '../../generated/proto/bridgewall/v1/MemberDigestsResponse.js';
import type { MemberChange } from './sets.js';

/** How far somebody is with the changes of one life of a node. */
export interface Mark {
  readonly life: string;
  readonly number: number;
}

const KIND = { add: 'MEMBER_ADD', remove: 'MEMBER_REMOVE', replaced: 'MEMBER_REPLACED' } as const;

export function encodeChange(change: MemberChange): ChangeMessage {
  const { set, kind, ttlSeconds, keep, width, addresses } = change;
  const ttl = ttlSeconds === null ? 0 : Math.max(1, Math.ceil(ttlSeconds));
  return { set, kind: KIND[kind], ttl, keep, width, addresses: Buffer.from(addresses) };
}

/** Null: it makes no sense. */
export function decodeChange(message: MemberChange__Output): MemberChange | null {
  const { set, ttl, keep, width, addresses } = message;
  const [kind] = Object.entries(KIND).find(([, name]) => name === message.kind) ?? [];
  if (kind === undefined || (width !== 4 && width !== 16)) return null;
  if (addresses.length % width !== 0) return null;
  const ttlSeconds = ttl === 0 ? null : ttl;
  return { set, kind: kind as MemberChange['kind'], ttlSeconds, keep, width, addresses };
}

export function encodeDigests(
  digests: ReadonlyMap<string, bigint>,
  { told, taken }: { readonly told: Mark; readonly taken: Mark },
): MemberDigestsResponse {
  const sets = [...digests].map(([set, number]) => {
    const digest = Buffer.alloc(8);
    digest.writeBigUInt64LE(number);
    return { set, digest };
  });
  return {
    ...{ sets, told: told.number, life: told.life },
    ...{ taken: taken.number, takenLife: taken.life },
  };
}

export function decodeDigests(message: MemberDigestsResponse__Output): {
  readonly digests: ReadonlyMap<string, bigint>;
  readonly told: Mark;
  readonly taken: Mark;
} {
  const known = message.sets.filter(({ digest }) => digest.length === 8);
  return {
    digests: new Map(known.map(({ set, digest }) => [set, digest.readBigUInt64LE(0)])),
    told: { life: message.life, number: message.told },
    taken: { life: message.takenLife, number: message.taken },
  };
}
