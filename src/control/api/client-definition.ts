/**
 * The gRPC service as a client needs it for streams: that of definition.ts without what a server tells of
 * itself, which takes longer than most commands. Messages become the same objects.
 */
import { credentials, makeGenericClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import type { NodeClient } from '../../generated/proto/bridgewall/v1/Node.js';
import { OPTIONS, PROTO_FILE, protoPath, SERVICE_NAME } from './definition-source.js';

type ClientConstructor = new (
  ...args: ConstructorParameters<ReturnType<typeof makeGenericClientConstructor>>
) => NodeClient;

let loaded: ClientConstructor | undefined;
let root: protobuf.Root | undefined;

/** The class of clients; the second call costs nothing. */
export function nodeClient(): ClientConstructor {
  loaded ??= makeGenericClientConstructor(
    serviceDefinition(),
    'Node',
  ) as unknown as ClientConstructor;
  return loaded;
}

/** A client for a unix socket; nothing is connected before the first call. */
export function openStreams(socket: string): NodeClient {
  return new (nodeClient())(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    'grpc.enable_retries': 0,
    // Else a client inherits the waiting time of one that found no daemon a moment ago.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
  });
}

function protoRoot(): protobuf.Root {
  if (root === undefined) {
    root = new protobuf.Root();
    root.resolvePath = (_, target) => protoPath(target);
    root.loadSync(PROTO_FILE).resolveAll();
  }
  return root;
}

function serviceDefinition(): ServiceDefinition {
  const methods = protoRoot()
    .lookupService(SERVICE_NAME)
    .methodsArray.map((method) => {
      const [request, response] = [method.resolvedRequestType!, method.resolvedResponseType!];
      const definition = {
        path: `/${SERVICE_NAME}/${method.name}`,
        requestStream: method.requestStream === true,
        responseStream: method.responseStream === true,
        requestSerialize: (value: object) => encode(request, value),
        requestDeserialize: (bytes: Buffer) => decode(request, bytes),
        responseSerialize: (value: object) => encode(response, value),
        responseDeserialize: (bytes: Buffer) => decode(response, bytes),
        originalName: method.name.charAt(0).toLowerCase() + method.name.slice(1),
      };
      return [method.name, definition] as const;
    });
  return Object.fromEntries(methods);
}

function encode(type: protobuf.Type, value: object): Buffer {
  return type.encode(type.fromObject(value)).finish() as Buffer;
}

function decode(type: protobuf.Type, bytes: Buffer): object {
  return type.toObject(type.decode(bytes), OPTIONS);
}
