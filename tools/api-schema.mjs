/**
 * Writes what a client has to know of the API's messages and methods as a module, so that no command
 * reads the .proto file first.
 *
 *     node tools/api-schema.mjs proto/bridgewall/v1/node.proto src/generated/api-schema.ts
 */
import { writeFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const SERVICE = 'bridgewall.v1.Node';
const SCALARS = new Set(['string', 'bytes', 'bool', 'double', 'uint32', 'uint64']);
const [source, target] = process.argv.slice(2);

const root = new protobuf.Root();
root.resolvePath = (_, path) => (path.startsWith('proto/') ? path : `proto/${path}`);
root.loadSync(source).resolveAll();
const messages = {};
const enums = {};
const methods = {};
const service = root.lookupService(SERVICE);
for (const method of service.methodsArray) {
  const { name, resolvedRequestType, resolvedResponseType } = method;
  methods[name] = [typeOf(resolvedRequestType), typeOf(resolvedResponseType)];
}
const position = root.lookupType('bridgewall.v1.Position');
typeOf(position);
writeFileSync(
  target,
  [
    '// Made by tools/api-schema.mjs from the .proto file.',
    "import type { Schema } from '../control/api/wire.js';",
    '',
    `export const SERVICE = '${SERVICE}';`,
    `export const METHODS: Readonly<Record<string, readonly [string, string]>> = ${JSON.stringify(methods)};`,
    `export const SCHEMA: Schema = ${JSON.stringify({ messages, enums })};`,
    '',
  ].join('\n'),
);

/** The name of a message, which is described with all that it holds. */
function typeOf(type) {
  const name = type.fullName.slice(1);
  if (messages[name] === undefined) {
    messages[name] = [];
    messages[name] = type.fieldsArray.map(fieldOf);
  }
  return name;
}

function fieldOf(field) {
  const { name, id, map, repeated, partOf } = field;
  const optional = field.options?.proto3_optional === true;
  const kind = map ? 'map' : repeated ? 'list' : optional ? 'maybe' : 'one';
  if (map && field.keyType !== 'string') throw new Error(`${field}: keys are strings`);
  const described = [name, id, schemaOf(field), kind];
  return partOf && !optional ? [...described, partOf.name] : described;
}

function schemaOf(field) {
  const { type, resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return typeOf(resolvedType);
  if (resolvedType instanceof protobuf.Enum) {
    const name = resolvedType.fullName.slice(1);
    enums[name] = resolvedType.values;
    return name;
  }
  if (!SCALARS.has(type)) throw new Error(`${field}: no codec for ${type}`);
  return type;
}
