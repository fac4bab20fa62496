import { randomBytes } from 'node:crypto'
import type { MediaForm } from '../../providers/provider.ts'
import type { FormField } from '../../wire/openai/media/form-fields.ts'
import type { UploadedFile } from '../../wire/openai/media/uploaded-file.ts'

/** A file of a form, under the name of its part. */
export interface FilePart {
  readonly name: string
  readonly file: UploadedFile
}

/** A form (RFC 7578): its fields first, then its files, which are read while they are sent. */
export function multipartBody(fields: readonly FormField[], files: readonly FilePart[]): MediaForm {
  const boundary = `aibroker-${randomBytes(18).toString('hex')}`
  const start = Buffer.from(fields.map(([name, value]) => fieldText(boundary, name, value)).join(''))
  const heads = files.map((part) => Buffer.from(fileHead(boundary, part)))
  const end = Buffer.from(`--${boundary}--\r\n`)
  const fileBytes = files.reduce(
    (sum, { file }, at) => sum + (heads[at]?.length ?? 0) + file.byteLength + LINE_END.length,
    0,
  )
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    byteLength: start.length + fileBytes + end.length,
    async *read() {
      if (start.length > 0) yield start
      for (const [at, { file }] of files.entries()) {
        yield heads[at] ?? LINE_END
        yield* file.read()
        yield LINE_END
      }
      yield end
    },
  }
}

const LINE_END = Buffer.from('\r\n')

function fieldText(boundary: string, name: string, value: string): string {
  return `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"\r\n\r\n${value}\r\n`
}

function fileHead(boundary: string, { name, file }: FilePart): string {
  const disposition = `form-data; name="${quoted(name)}"; filename="${quoted(file.name)}"`
  const type = /^[\w.+-]+\/[\w.+-]+$/.test(file.contentType) ? file.contentType : 'application/octet-stream'
  return `--${boundary}\r\ncontent-disposition: ${disposition}\r\ncontent-type: ${type}\r\n\r\n`
}

/** As browsers write names: nothing in it can end the line or the quotes. */
function quoted(name: string): string {
  return name.replace(/["\r\n]/g, (character) => encodeURIComponent(character))
}
