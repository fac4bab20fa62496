import type { ProviderDefinition } from '../provider.ts'
import { jina } from './embeddings/jina.ts'
import { voyage } from './embeddings/voyage.ts'
import { cerebras } from './hosts/cerebras.ts'
import { deepinfra } from './hosts/deepinfra.ts'
import { fireworks } from './hosts/fireworks.ts'
import { groq } from './hosts/groq.ts'
import { hyperbolic } from './hosts/hyperbolic.ts'
import { nebius } from './hosts/nebius.ts'
import { novita } from './hosts/novita.ts'
import { nvidia } from './hosts/nvidia.ts'
import { ovh } from './hosts/ovh.ts'
import { sambanova } from './hosts/sambanova.ts'
import { scaleway } from './hosts/scaleway.ts'
import { together } from './hosts/together.ts'
import { alibaba } from './makers/alibaba.ts'
import { anthropic } from './makers/anthropic.ts'
import { cohere } from './makers/cohere.ts'
import { deepseek } from './makers/deepseek.ts'
import { gemini } from './makers/gemini.ts'
import { minimax } from './makers/minimax.ts'
import { mistral } from './makers/mistral.ts'
import { moonshot } from './makers/moonshot.ts'
import { openai } from './makers/openai.ts'
import { perplexity } from './makers/perplexity.ts'
import { xai } from './makers/xai.ts'
import { zhipu } from './makers/zhipu.ts'
import { azure } from './platforms/azure.ts'
import { bedrock } from './platforms/bedrock.ts'
import { cloudflare } from './platforms/cloudflare.ts'
import { github } from './platforms/github.ts'
import { huggingface } from './platforms/huggingface.ts'
import { openrouter } from './platforms/openrouter.ts'
import { vertex } from './platforms/vertex.ts'

/** Every provider that needs nothing but a key, and perhaps its address. The `providers:` section of the models file adds more. */
export const KNOWN_PROVIDERS: readonly ProviderDefinition[] = [
  // The makers of models.
  openai,
  anthropic,
  gemini,
  xai,
  deepseek,
  mistral,
  cohere,
  perplexity,
  moonshot,
  zhipu,
  minimax,
  alibaba,
  // Hosts of open models.
  groq,
  sambanova,
  together,
  fireworks,
  cerebras,
  nvidia,
  nebius,
  deepinfra,
  novita,
  hyperbolic,
  scaleway,
  ovh,
  // Platforms with models of many makers.
  openrouter,
  huggingface,
  github,
  cloudflare,
  azure,
  bedrock,
  vertex,
  // Embeddings alone.
  voyage,
  jina,
]
