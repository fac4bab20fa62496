import { BrokerError } from '../../../../base/errors.ts'
import { image } from '../../../../inference/media/image.ts'
import { transcription } from '../../../../inference/media/transcription.ts'
import { parseImageForm } from '../../../../wire/openai/media/image.ts'
import {
  parseTranscriptionForm,
  type TranscriptionRequest,
} from '../../../../wire/openai/media/transcription.ts'
import { formMediaRoute } from './form-route.ts'
import type { ReceivedForm } from '../../../http/uploads/read-form.ts'
import { readTranscriptionJson } from '../../../http/uploads/transcription-json.ts'

const transcribe = (translates: boolean) =>
  formMediaRoute({
    kind: 'transcription',
    parse: (form) => parseTranscriptionForm(form.fields, fileOf(form), translates),
    run: transcription,
    fromJson: readTranscriptionJson,
  })

/** `POST /audio/transcriptions`: a form with a file, or OpenRouter’s JSON with the file in base64. */
export const postTranscription = transcribe(false)

/** `POST /audio/translations`. */
export const postTranslation = transcribe(true)

/** `POST /images/edits` */
export const postImageEdit = formMediaRoute({
  kind: 'image',
  parse: ({ fields, files }) => parseImageForm(fields, files, 'edits'),
  run: image,
})

/** `POST /images/variations` */
export const postImageVariation = formMediaRoute({
  kind: 'image',
  parse: ({ fields, files }) => parseImageForm(fields, files, 'variations'),
  run: image,
})

function fileOf({ files }: ReceivedForm): TranscriptionRequest['file'] {
  const [first, second] = files
  if (first === undefined)
    throw new BrokerError('bad-request', 'the form has no file: send the sound as the part “file”')
  if (second !== undefined || first.name !== 'file')
    throw new BrokerError('bad-request', 'the form should have one file, in the part “file”')
  return first.file
}
