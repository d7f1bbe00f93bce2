/** Policies as messages. */
import type {
  FetchPolicyResponse,
  FetchPolicyResponse__Output,
} from '../../generated/proto/bridgewall/v1/FetchPolicyResponse.js';
import type { PolicyOrigin__Output } from '../../generated/proto/bridgewall/v1/PolicyOrigin.js';
import type { PolicyStanding__Output } from '../../generated/proto/bridgewall/v1/PolicyStanding.js';
import { compareOrigins, contentHash, isOrigin, type PolicyOrigin } from './origin.js';
import type { ReceivedPolicy } from './policy.js';

/** Why a policy could not be installed. */
export interface Refusal {
  readonly origin: PolicyOrigin;
  readonly why: string;
}

/** What a node says of its policy. */
export interface Standing {
  /** Null: it has none. */
  readonly origin: PolicyOrigin | null;
  readonly generation: number;
  readonly digest: string;
  readonly trial: boolean;
  readonly refused: Refusal | null;
}

/** Null where there is none, and for one that makes no sense. */
export function decodeOrigin(message: PolicyOrigin__Output | null): PolicyOrigin | null {
  if (message === null) return null;
  const { epoch, generation, node, hash } = message;
  const origin = { epoch, generation, node, hash };
  return isOrigin(origin) ? origin : null;
}

export function decodeStanding(message: PolicyStanding__Output): Standing {
  const { generation, digest, trial } = message;
  const refused = decodeOrigin(message.refused?.origin ?? null);
  return {
    ...{ generation, digest, trial, origin: decodeOrigin(message.origin) },
    refused: refused && { origin: refused, why: message.refused!.why },
  };
}

export function encodePolicy(policy: ReceivedPolicy): FetchPolicyResponse {
  const { origin, text, file, resolved, digest, by, uid, why } = policy;
  const names = Object.entries(resolved).map(([name, addresses]) => ({ name, addresses }));
  return { origin, text, file, names, digest, user: by, ...(uid === null ? {} : { uid }), why };
}

/** @throws Error when it is not what was asked for */
export function decodePolicy(
  message: FetchPolicyResponse__Output,
  asked: PolicyOrigin,
): ReceivedPolicy {
  const { text, file, names, digest, user, uid, why } = message;
  const origin = decodeOrigin(message.origin);
  const resolved = Object.fromEntries(names.map(({ name, addresses }) => [name, addresses]));
  const policy = { origin: asked, text, file, resolved, digest, by: user, uid: uid ?? null, why };
  if (compareOrigins(origin, asked) !== 0 || contentHash(policy) !== asked.hash) {
    throw new Error('the policy that came is not the one that was told of');
  }
  return policy;
}
