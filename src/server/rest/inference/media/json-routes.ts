import { image } from '../../../../inference/media/image.ts'
import { moderation } from '../../../../inference/media/moderation.ts'
import { rerank } from '../../../../inference/media/rerank.ts'
import { speech } from '../../../../inference/media/speech.ts'
import { parseImageRequest } from '../../../../wire/openai/media/image.ts'
import { parseModerationRequest } from '../../../../wire/openai/media/moderation.ts'
import { parseRerankRequest } from '../../../../wire/openai/media/rerank.ts'
import { parseSpeechRequest } from '../../../../wire/openai/media/speech.ts'
import { jsonMediaRoute } from './json-route.ts'

/** `POST /audio/speech`: the sound as it comes, or as server-sent events. */
export const postSpeech = jsonMediaRoute({ kind: 'speech', parse: parseSpeechRequest, run: speech })

/** `POST /rerank`, in Cohere's, Jina's and OpenRouter's form. */
export const postRerank = jsonMediaRoute({ kind: 'rerank', parse: parseRerankRequest, run: rerank })

/** `POST /moderations`. */
export const postModeration = jsonMediaRoute({
  kind: 'moderation',
  parse: parseModerationRequest,
  run: moderation,
})

/** `POST /images/generations`, and OpenRouter's `POST /images`. */
export const postImage = jsonMediaRoute({ kind: 'image', parse: parseImageRequest, run: image })
