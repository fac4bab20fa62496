import type { InferenceServices, ReplayServices } from '../../../inference/services/services.ts'
import type { UploadSpool } from '../../../runtime/upload-spool.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import type { HttpRequest } from '../../http/node/request-types.ts'
import type { ApiShape } from '../shapes/api-shape.ts'

/** What the handlers of inference routes share. */
export interface InferenceRouteParts {
  readonly services: InferenceServices
  /** Without it no response is kept: requests that name a kept one are served elsewhere. */
  readonly replay: ReplayServices | undefined
  readonly readBody: BodyReader
  /** Keeps the files of requests; absent where forms are forwarded. */
  readonly uploads?: UploadSpool | undefined
  /** Of the API that the route belongs to. */
  readonly shape: ApiShape
}

/** Reads the body as the JSON object that it must be. Throws `bad-request`. */
export type BodyReader = (request: HttpRequest) => JsonBody
