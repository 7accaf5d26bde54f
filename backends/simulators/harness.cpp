// SPDX-License-Identifier: Apache-2.0
// Drives an AXI4-Stream design in Verilator: beats in from one binary file, beats and cycle numbers out to another.
// Vtop.h is what Verilator makes of the design (prefix Vtop), so port widths need no other declaration.
//
// Usage: harness INPUT OUTPUT num_input num_output input_bytes output_bytes input_frame output_frame stall seed timeout
//   INPUT   num_input * input_bytes bytes
//   OUTPUT  the cycle of each input beat and of each output beat as uint64, then num_output * output_bytes bytes
//   *_frame beats of a frame (tlast marks each frame's last); 0: input tlast stays low, output tlast is not checked
//   stall   probability that the source offers no new beat, and that the sink is not ready, in a cycle
//   timeout cycles without a beat moving at either end, after which the design counts as stopped
// Exit 0 done; 3 the design broke the protocol or stopped, one line on stdout says how.
// RESET_CYCLES and DRAIN_CYCLES are defined on the command line of the compiler.
// Built for little-endian hosts: a port's storage is its little-endian bytes.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

// splitmix64
struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    bool happens(double probability) { return double(next() >> 11) * 0x1p-53 < probability; }
};

// Ports are integers or Verilator's wide arrays of 32-bit words; both are plain bytes here.
template <class Port> void put(Port& port, const uint8_t* bytes, size_t size) {
    std::memset(&port, 0, sizeof port);
    std::memcpy(&port, bytes, size);
}
template <class Port> void get(const Port& port, uint8_t* bytes, size_t size) { std::memcpy(bytes, &port, size); }

std::vector<uint8_t> read_file(const char* path, size_t size) {
    std::vector<uint8_t> bytes(size);
    FILE* file = std::fopen(path, "rb");
    if (!file || std::fread(bytes.data(), 1, size, file) != size) std::abort();
    std::fclose(file);
    return bytes;
}

template <class T> void append(FILE* file, const std::vector<T>& items) {
    if (std::fwrite(items.data(), sizeof(T), items.size(), file) != items.size()) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 12) return 2;
    const auto number = [&](int index) { return size_t(std::strtoull(argv[index], nullptr, 10)); };
    const size_t num_input = number(3), num_output = number(4), input_bytes = number(5), output_bytes = number(6);
    const size_t input_frame = number(7), output_frame = number(8), timeout = number(11);
    const double stall = std::strtod(argv[9], nullptr);
    Random random{number(10)};
    const std::vector<uint8_t> input = read_file(argv[1], num_input * input_bytes);
    std::vector<uint8_t> output(num_output * output_bytes), now(output_bytes), held(output_bytes), junk(input_bytes);
    std::vector<uint64_t> input_cycles, output_cycles;

    VerilatedContext context;
    context.randReset(2);  // registers without an initial value start at random: nothing may rely on them
    context.randSeed(int(random.next() & 0x7fffffff) | 1);
    Vtop top{&context};
    const auto edge = [&] { top.aclk = 1; top.eval(); };
    const auto settle = [&] { top.aclk = 0; top.eval(); };

    top.s_axis_tvalid = 0;
    top.s_axis_tlast = 0;
    top.m_axis_tready = 0;
    top.aresetn = 0;
    for (int i = 0; i < RESET_CYCLES; ++i) { settle(); edge(); }
    top.aresetn = 1;

    bool offering = false, holding = false, held_last = false;
    size_t idle = 0, drained = 0;
    for (uint64_t cycle = 0; drained < DRAIN_CYCLES; ++cycle) {
        const size_t sent = input_cycles.size(), received = output_cycles.size();
        const bool done = sent == num_input && received == num_output;
        drained += done;
        if (!offering && sent < num_input) offering = !random.happens(stall);
        top.s_axis_tvalid = offering;
        if (!offering) std::memset(junk.data(), int(random.next() & 0xff), input_bytes);
        put(top.s_axis_tdata, offering ? &input[sent * input_bytes] : junk.data(), input_bytes);
        top.s_axis_tlast = offering && input_frame && (sent + 1) % input_frame == 0;
        const bool ready = done || !random.happens(stall);
        top.m_axis_tready = ready;
        settle();

        const bool valid = top.m_axis_tvalid, last = top.m_axis_tlast, taken = offering && top.s_axis_tready;
        if (valid) get(top.m_axis_tdata, now.data(), output_bytes);
        if (holding && (!valid || now != held || last != held_last)) {
            std::printf("output beat %zu %s before it was taken (cycle %llu)\n", received,
                        valid ? "changes" : "is withdrawn", (unsigned long long)cycle);
            return 3;
        }
        if (valid && received == num_output) {
            std::printf("an output beat too many comes after the expected %zu (cycle %llu)\n", num_output,
                        (unsigned long long)cycle);
            return 3;
        }
        holding = valid && !ready;
        held = now;
        held_last = last;
        if (valid && ready) {
            if (output_frame && last != ((received + 1) % output_frame == 0)) {
                std::printf("output beat %zu has tlast %d, but a frame has %zu beats (cycle %llu)\n", received, int(last),
                            output_frame, (unsigned long long)cycle);
                return 3;
            }
            std::memcpy(&output[received * output_bytes], now.data(), output_bytes);
            output_cycles.push_back(cycle);
        }
        if (taken) {
            input_cycles.push_back(cycle);
            offering = false;
        }
        idle = taken || (valid && ready) || done ? 0 : idle + 1;
        if (idle > timeout) {
            std::printf("no beat moves for %zu cycles: stopped at cycle %llu with %zu of %zu input beats taken and %zu of "
                        "%zu output beats given\n", timeout, (unsigned long long)cycle, sent, num_input, received, num_output);
            return 3;
        }
        edge();
    }
    top.final();

    FILE* file = std::fopen(argv[2], "wb");
    if (!file) return 2;
    append(file, input_cycles);
    append(file, output_cycles);
    append(file, output);
    return std::fclose(file) ? 2 : 0;
}
