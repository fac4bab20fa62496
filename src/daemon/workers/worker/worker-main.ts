// A process that `--workers` adds: serves inference requests, and uses the primary for all state that must exist only once.
import cluster from 'node:cluster'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { guardJsonParse } from '../../../base/parse-json.ts'
import { createTokenCounter } from '../../../inference/usage/token-counter.ts'
import { loadConfig, type Flags } from '../../../config/config.ts'
import { createBearerVerifier } from '../../../auth/verify-bearer.ts'
import { TokenTable } from '../../../auth/token-table.ts'
import { disablePretenuring, trimMemory } from '../../../runtime/v8-tuning.ts'
import { DrainTimer } from '../../../runtime/drain-timer.ts'
import { ignoreStreamErrors, logWarningsOfNode } from '../../../runtime/output/standard-streams.ts'
import { ignoreSignals } from '../../../runtime/signals.ts'
import { socketPaths } from '../../../runtime/socket-paths.ts'
import { IPC_FD, openIpcChannel } from '../ipc/ipc-channel.ts'
import {
  serializeError,
  TOPICS,
  type FromWorker,
  type StateUpdate,
  type Topic,
  type ToWorker,
} from '../ipc/ipc-messages.ts'
import { WorkerToolChats } from './primary-only.ts'
import { createResponseCounter, createIpcLog } from './worker-telemetry.ts'
import { openWorkerListeners } from './worker-listeners.ts'
import { loadHttpClient } from '../../providers/http-client.ts'
import { createWorkerServices } from './worker-services.ts'

await run()

async function run(): Promise<void> {
  // Terminals and service managers signal every process of the group; the primary decides when a worker drains.
  ignoreSignals()
  ignoreStreamErrors()
  guardJsonParse()
  disablePretenuring()
  const clock = systemClock
  const flags = JSON.parse(process.argv[2] ?? '{}') as Flags
  // The primary runs the keys command and sends what it printed.
  const config = loadConfig({ env: process.env, cwd: process.cwd(), argv: flags, fromKeysCommand: {} })
  const httpClient = await loadHttpClient(config, clock)
  const toolChats = new WorkerToolChats(clock)
  const receivedTopics = new Set<Topic>()
  const hasState = Promise.withResolvers<void>()
  const drained = Promise.withResolvers<void>()
  const channel = openIpcChannel<ToWorker, FromWorker>(new Socket({ fd: IPC_FD }), {
    onMessage: (message) => onMessage(message),
    // Without the primary there is no accounting, so no request may be served.
    onClose: () => process.exit(1),
  })
  const drainTimer = new DrainTimer(clock, config.drainTimeoutMs)
  const sockets = socketPaths(config.socketDir)
  const tokens = new TokenTable(join(config.dataDir, 'apikeys.key'), clock)
  const { adminToken, heroSecret } = config
  const bearerVerifier = createBearerVerifier({ adminToken, heroSecret, tokens, clock })
  const tokenCounter = createTokenCounter(clock)
  const { send } = channel
  const worker = createWorkerServices({
    config,
    clock,
    httpClient,
    send,
    tokenCounter,
    toolChats,
    socketFolder: sockets.folder,
  })

  function onMessage(message: ToWorker): void {
    if (message.type === 'update') return applyUpdate(message.serial, message.update)
    if (message.type === 'ping') return send({ type: 'ack', serial: message.serial })
    if (message.type === 'drain') {
      if (message.hurry) drainTimer.hurry()
      return drained.resolve()
    }
    worker.accounting.onMessage(message)
  }

  function applyUpdate(serial: number, update: StateUpdate): void {
    if (update.topic === 'tokens') tokens.replace(update.value)
    else if (update.topic === 'tool-policies') toolChats.replace(update.value)
    else worker.applyUpdate(update)
    send({ type: 'ack', serial })
    if (receivedTopics.add(update.topic).size === TOPICS.length) hasState.resolve()
  }

  await hasState.promise
  const log = createIpcLog(send)
  logWarningsOfNode(log)
  const metrics = createResponseCounter(send, clock)
  try {
    const { services, http } = worker
    const listeners = await openWorkerListeners({
      config,
      clock,
      log,
      bearerVerifier,
      metrics,
      services,
      http,
      sockets,
      drainTimer,
    })
    send({ type: 'ready', port: listeners.port })
    trimMemory()
    await drained.promise
    await listeners[Symbol.asyncDispose]()
  } catch (error) {
    send({ type: 'cannot-start', error: serializeError(error) })
  }
  metrics.flush()
  await tokenCounter.close()
  await worker.accounting.settled()
  await worker.close()
  await channel.flush()
  cluster.worker?.disconnect()
  process.exit(0)
}
