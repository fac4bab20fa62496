/** The thread that copies the write-ahead log into the database, so that its fsyncs never block the event loop. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

/** `copy` runs while others write; `restart` while they do not. The thread sends each step back when it is done. */
export type CheckpointStep = 'copy' | 'restart'

const database = new DatabaseSync(String(workerData), { timeout: 0 })
database.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')

parentPort?.on('message', (step: CheckpointStep) => {
  if (step === 'copy') database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  else restartLog()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(step)
})

/** The first commit into an emptied log syncs its header. Making that commit here spares the main thread the sync. */
function restartLog(): void {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const version = database.prepare('PRAGMA user_version').get()?.['user_version']
  database.exec(`PRAGMA user_version = ${Number(version)}`)
}
