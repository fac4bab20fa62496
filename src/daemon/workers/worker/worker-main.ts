// A process that `--workers` adds: serves inference requests, and uses the primary for all state that must exist only once.
import cluster from 'node:cluster'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { guardJsonParse } from '../../../base/parse-json.ts'
import { createTokenCounter } from '../../../inference/usage/token-counter.ts'
import { loadConfig, type Flags } from '../../../config/config.ts'
import { createGate } from '../../../auth/verify-bearer.ts'
import { TokenTable } from '../../../auth/token-table.ts'
import { expectShortLives, trimMemory } from '../../../runtime/v8-tuning.ts'
import { socketPaths } from '../../../runtime/socket-paths.ts'
import { LINE_FD, openLine } from '../ipc/ipc-channel.ts'
import {
  toldError,
  TOPICS,
  type FromWorker,
  type News,
  type Topic,
  type ToWorker,
} from '../ipc/ipc-messages.ts'
import { toolsElsewhere } from './primary-only.ts'
import { countAnswers, logTo } from './worker-telemetry.ts'
import { openWorkerDoors } from './worker-listeners.ts'
import { createWorkerRooms } from './worker-services.ts'

await run()

async function run(): Promise<void> {
  guardJsonParse()
  expectShortLives()
  const clock = systemClock
  const flags = JSON.parse(process.argv[2] ?? '{}') as Flags
  const config = loadConfig({ env: process.env, cwd: process.cwd(), argv: flags })
  const mcp = await toolsElsewhere(config.mcpConfigPath, clock, process.env)
  const topics = new Set<Topic>()
  const started = Promise.withResolvers<void>()
  const drained = Promise.withResolvers<void>()
  const line = openLine<ToWorker, FromWorker>(new Socket({ fd: LINE_FD }), {
    onMessage: (message) => hear(message),
    // Without the primary there is no accounting, so no request may be served.
    onClose: () => process.exit(1),
  })
  const sockets = socketPaths(config.socketDir)
  const tokens = new TokenTable(join(config.dataDir, 'apikeys.key'), clock)
  const { adminToken, heroSecret } = config
  const gate = createGate({ adminToken, heroSecret, tokens, clock })
  const tokenCounter = createTokenCounter(clock)
  const { send } = line
  const worker = createWorkerRooms({
    config,
    clock,
    send,
    tokenCounter,
    tools: mcp.tools,
    socketFolder: sockets.folder,
  })

  function hear(message: ToWorker): void {
    if (message.type === 'update') return take(message.serial, message.update)
    if (message.type === 'ping') return send({ type: 'ack', serial: message.serial })
    if (message.type === 'drain') return drained.resolve()
    worker.books.hear(message)
  }

  function take(serial: number, update: News): void {
    if (update.topic === 'tokens') tokens.replace(update.value)
    else worker.take(update)
    send({ type: 'ack', serial })
    if (topics.add(update.topic).size === TOPICS.length) started.resolve()
  }

  // Terminals and service managers signal every process of the group; the primary decides when a worker drains.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  await started.promise
  const log = logTo(send)
  const metrics = countAnswers(send, clock)
  try {
    const { rooms } = worker
    const doors = await openWorkerDoors({ config, clock, log, gate, metrics, rooms, sockets })
    send({ type: 'ready', port: doors.port })
    trimMemory()
    await drained.promise
    await doors[Symbol.asyncDispose]()
  } catch (error) {
    send({ type: 'cannot-start', error: toldError(error) })
  }
  metrics.tell()
  mcp.close()
  await tokenCounter.close()
  await worker.books.settled()
  await worker.close()
  await line.flush()
  cluster.worker?.disconnect()
  process.exit(0)
}
