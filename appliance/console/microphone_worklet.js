// Hands on what the microphone hears, block by block, from the thread where sound is processed.

class Hand extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage(heard.slice());
    return true;
  }
}

registerProcessor("hand", Hand);
