/** The client's own codec beside the library's: the same bytes are the same objects. */
import protobuf from 'protobufjs';
import { expect, it } from 'vitest';
import { OPTIONS, protoPath } from '../../../../src/control/api/definition-source.js';
import { WireCodec } from '../../../../src/control/api/wire.js';
import { METHODS, SCHEMA, SERVICE } from '../../../../src/generated/api-schema.js';

const root = new protobuf.Root();
root.resolvePath = (_, target) => protoPath(target);
root.loadSync('bridgewall/v1/node.proto').resolveAll();
const codec = new WireCodec(SCHEMA);
const TYPES = Object.keys(SCHEMA.messages);
const NUMBERS = [0, 1, 127, 128, 300, 65_535, 2 ** 31, 2 ** 32 - 1];
const LONG = [...NUMBERS, 2 ** 32, 2 ** 40 + 17, 2 ** 49 + 3, Number.MAX_SAFE_INTEGER];
const TEXTS = ['', 'a', 'site à.yaml', '\u{1f525} fire', 'x'.repeat(700)];

it('every message of the service is known, with all that it holds', () => {
  const ours = Object.fromEntries(
    root.lookupService(SERVICE).methodsArray.map((method) => {
      const names = [method.resolvedRequestType, method.resolvedResponseType];
      return [method.name, names.map((type) => type!.fullName.slice(1))];
    }),
  );
  expect(METHODS).toEqual(ours);
  expect(TYPES.length).toBeGreaterThan(60);
});

it.each(TYPES)('%s is what the library makes of it, there and back', (name) => {
  const type = root.lookupType(name);
  for (let round = 0; round < 40; round++) {
    const random = seeded(round);
    const message = round === 0 ? {} : any(type, random, 3);
    const theirs = type.encode(type.fromObject(message)).finish();
    expect(codec.decode(name, theirs)).toEqual(type.toObject(type.decode(theirs), OPTIONS));
    const ours = codec.encode(name, message);
    expect(type.toObject(type.decode(ours), OPTIONS)).toEqual(
      type.toObject(type.decode(theirs), OPTIONS),
    );
  }
});

it('what it does not know it leaves out, and what is cut short it refuses', () => {
  const later = Buffer.from([0xa2, 0x06, 3, 1, 2, 3, 0xa8, 0x06, 0x96, 1, 0x08, 0x05]);
  expect(codec.decode('bridgewall.v1.ConfirmResponse', later)).toEqual({ generation: 5 });
  const bytes = codec.encode('bridgewall.v1.Position', { file: 'a.yaml', line: 3, column: 14 });
  for (const length of [1, 3, 7, bytes.length - 1]) {
    const cut = bytes.subarray(0, length);
    expect(() => codec.decode('bridgewall.v1.Position', cut)).toThrow(RangeError);
  }
});

/** Some message of that type; its fields come or stay away. */
function any(type: protobuf.Type, random: () => number, depth: number): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  const oneofs = new Set<string>();
  for (const field of type.fieldsArray) {
    if (random() < 0.3) continue;
    if (field.partOf) {
      if (oneofs.has(field.partOf.name)) continue;
      oneofs.add(field.partOf.name);
    }
    const some = () => value(field, random, depth);
    const several = Math.floor(random() * 4);
    if (field.map) {
      const keys = Array.from({ length: several }, (_, i) => `${pick(TEXTS, random)}${i}`);
      message[field.name] = Object.fromEntries(keys.map((key) => [key, some()]));
    } else if (field.repeated) {
      message[field.name] = Array.from({ length: several }, some);
    } else {
      message[field.name] = some();
    }
  }
  return message;
}

function value(field: protobuf.Field, random: () => number, depth: number): unknown {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) {
    return depth > 0 ? any(resolvedType, random, depth - 1) : {};
  }
  if (resolvedType instanceof protobuf.Enum) return pick(Object.keys(resolvedType.values), random);
  switch (field.type) {
    case 'string':
      return pick(TEXTS, random);
    case 'bytes':
      return Buffer.from(pick(TEXTS, random));
    case 'bool':
      return random() < 0.5;
    case 'double':
      return random() * 1e9 - 5e8;
    default:
      return pick(field.type === 'uint64' ? LONG : NUMBERS, random);
  }
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)]!;
}

/** Numbers from 0 to 1, the same ones for the same seed. */
function seeded(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
