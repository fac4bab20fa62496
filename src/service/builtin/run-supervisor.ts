import { once } from 'node:events'

import { systemClock } from '../../base/clock.ts'
import { readDefinition, type ServiceDefinition, type ServiceFiles } from '../service-definition.ts'
import { listenForControl } from './control-socket.ts'
import { startProcess } from './daemon-process.ts'
import { openServiceLog } from './service-log.ts'
import { Supervisor } from './supervisor.ts'

/** Supervises the daemon in this process until SIGTERM, SIGINT or the control socket ends it. */
export async function runSupervisor(definition: ServiceDefinition, files: ServiceFiles): Promise<void> {
  const log = openServiceLog(files.log)
  const supervisor = new Supervisor({
    clock: systemClock,
    // An update writes another definition while the supervisor runs.
    start: () => startProcess(readDefinition(files) ?? definition, log),
    report: (sentence) => log.write(`${new Date().toISOString()} ${definition.name}: ${sentence}\n`),
  })
  const control = await listenForControl(files.control, {
    status: () => supervisor.status(),
    restart: () => supervisor.restart(),
    stop: () => supervisor.stop(),
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => supervisor.stop())
  process.on('SIGHUP', () => {})
  await supervisor.run()
  control.close()
  log.end()
  await once(log, 'close')
}
