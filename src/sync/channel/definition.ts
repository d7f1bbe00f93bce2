/** Services between nodes as grpc-js wants them, made from their .proto files once per process. */
import { join } from 'node:path';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { packageRoot } from '../../control/package.js';
import type { ProtoGrpcType } from '../../generated/proto/peer.js';

const loaded = new Map<string, GrpcObject>();

/** How responses of a method become bytes, and back. */
export interface ResponseCodec {
  readonly serialize: (response: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}

/** Codecs for methods of a service, each made from that of the loader. */
export type Codecs = Readonly<Record<string, (general: ResponseCodec) => ResponseCodec>>;

/**
 * The package of one file. The options here and those of the type generator must agree.
 *
 * @param file such as `bridgewall/v1/peer.proto`
 * @param codecs by method, such as `bridgewall.v1.Peer/Hello`
 */
export function loadProto<Package>(file: string, codecs: Codecs = {}): Package {
  let found = loaded.get(file);
  if (found === undefined) {
    const packages = loadSync(file, {
      ...{ longs: Number, enums: String, defaults: true, oneofs: true },
      includeDirs: [join(packageRoot(), 'proto')],
    });
    for (const [name, codec] of Object.entries(codecs)) use(packages, name, codec);
    found = loadPackageDefinition(packages);
    loaded.set(file, found);
  }
  return found as unknown as Package;
}

function use(packages: PackageDefinition, name: string, codec: Codecs[string]): void {
  const [service, method] = name.split('/') as [string, string];
  const methods = packages[service] as ServiceDefinition | undefined;
  const known = methods?.[method];
  if (methods === undefined || known === undefined) throw new RangeError(`no method ${name}`);
  const { serialize, deserialize } = codec({
    serialize: known.responseSerialize,
    deserialize: known.responseDeserialize,
  });
  methods[method] = { ...known, responseSerialize: serialize, responseDeserialize: deserialize };
}

/** `bridgewall.v1` as far as peers greet each other. */
export function peerDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  return loadProto<ProtoGrpcType>('bridgewall/v1/peer.proto').bridgewall.v1;
}
