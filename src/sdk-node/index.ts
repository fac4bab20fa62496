export { defaultSockets, socketsAt } from './socket-paths.ts'
export type { BrokerSockets } from './socket-paths.ts'
export { unixTransport } from './unix-transport.ts'
