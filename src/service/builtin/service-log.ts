import { basename, dirname } from 'node:path'
import { createStream, type RotatingFileStream } from 'rotating-file-stream'

/** Five files of ten megabytes: the newest `NAME.log`, older ones `NAME.log.1` to `NAME.log.4`. */
const FILE_SIZE = '10M'
const OLDER_FILES = 4

/** The log of a service, in files of a bounded size. A disk that is full loses lines and never ends the service. */
export function openServiceLog(path: string): RotatingFileStream {
  const name = basename(path)
  const nameOf = (index: number | Date | null): string =>
    typeof index === 'number' && index > 0 ? `${name}.${index}` : name
  const log = createStream(nameOf, {
    path: dirname(path),
    size: FILE_SIZE,
    rotate: OLDER_FILES,
    mode: 0o600,
  })
  return log.on('error', () => {}).on('warning', () => {})
}
