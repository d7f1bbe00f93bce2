import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { changesCodec } from '../../../../src/sync/replication/codec.js';
import { fc } from '../../../chance.js';

/** As the product loads it. */
const general = (() => {
  const packages = loadSync('bridgewall/v1/replication.proto', {
    ...{ longs: Number, enums: String, defaults: true, oneofs: true },
    includeDirs: ['proto'],
  });
  const service = packages['bridgewall.v1.Replication'] as unknown as Record<
    string,
    { responseSerialize: (message: object) => Buffer; responseDeserialize: (b: Buffer) => object }
  >;
  const { responseSerialize, responseDeserialize } = service.Changes!;
  return { serialize: responseSerialize, deserialize: responseDeserialize };
})();
const quick = changesCodec(general);
/** Fails where the general codec is asked. */
const alone = changesCodec({
  serialize: () => {
    throw new Error('asked');
  },
  deserialize: () => {
    throw new Error('asked');
  },
});

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u53 = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const records = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const plain = fc.record(
  {
    ...{ epoch: u32, gap: fc.boolean(), sequence: u53, sentMs: u53, toldUntilMs: u32 },
    ...{ states4: records, states: records, ends4: records, ends: records, children: records },
  },
  { requiredKeys: [] },
);
const standing = fc.record({ active: fc.boolean(), epoch: u32, lagMs: u32, matches: fc.boolean() });

describe('the codec of changes', () => {
  it('does alone what the general one does', () => {
    fc.assert(
      fc.property(plain, (message) => {
        const bytes = alone.serialize(message);
        expect(general.deserialize(bytes)).toEqual(general.deserialize(general.serialize(message)));
        expect(alone.deserialize(bytes)).toEqual(general.deserialize(bytes));
        // Another implementation may order fields otherwise.
        expect(alone.deserialize(general.serialize(message))).toEqual(general.deserialize(bytes));
      }),
    );
  });

  it('leaves to it how a node stands, and fields of a later version', () => {
    fc.assert(
      fc.property(plain, standing, (message, stands) => {
        const bytes = quick.serialize({ ...message, standing: stands });
        expect(quick.deserialize(bytes)).toEqual(general.deserialize(bytes));
        expect(() => alone.deserialize(bytes)).toThrow('asked');
        const later = Buffer.concat([quick.serialize(message), Buffer.from([0xf8, 0x07, 1])]);
        expect(quick.deserialize(later)).toEqual(general.deserialize(later));
      }),
    );
  });

  it('takes of garbled bytes what the general one takes, and refuses what that refuses', () => {
    const outcome = (codec: typeof general, bytes: Buffer) => {
      try {
        return codec.deserialize(bytes);
      } catch {
        return 'refused';
      }
    };
    const garbled = fc
      .tuple(plain, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat())
      .map(([message, at, byte, cut]) => {
        const bytes = Buffer.from(quick.serialize(message));
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        return bytes.subarray(0, bytes.length - (cut % (bytes.length + 1)));
      });
    fc.assert(
      fc.property(garbled, (bytes) => {
        expect(outcome(quick, bytes)).toEqual(outcome(general, bytes));
      }),
      { numRuns: 1000 },
    );
  });
});
