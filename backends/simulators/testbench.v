// Self-checking testbench (plain Verilog-2005) of the AXI4-Stream design '@TOP@'.
// Sends the beats of input.hex, compares what comes with expected.hex, ends with a line PASS or FAIL.
//   +stall=PERCENT    in so many cycles the source offers no new beat, and the sink is not ready (0)
//   +seed=N           of the stalls (1)
//   +timeout=CYCLES   without a beat moving at either end, before the design counts as stopped (@TIMEOUT@)
//   +record=FILE      writes "i CYCLE" and "o CYCLE BEAT" lines to FILE instead of comparing
`timescale 1ns / 1ps

module tb;
  localparam INPUT_BITS = @INPUT_BITS@, OUTPUT_BITS = @OUTPUT_BITS@;
  localparam NUM_INPUT = @NUM_INPUT@, NUM_OUTPUT = @NUM_OUTPUT@;
  // Beats of a frame, for tlast; 0: input tlast stays low, output tlast is not looked at.
  localparam INPUT_FRAME = @INPUT_FRAME@, OUTPUT_FRAME = @OUTPUT_FRAME@;
  localparam RESET_CYCLES = @RESET_CYCLES@, DRAIN_CYCLES = @DRAIN_CYCLES@;

  reg [INPUT_BITS-1:0] inputs [0:NUM_INPUT-1];
  reg [OUTPUT_BITS-1:0] expected [0:NUM_OUTPUT-1];

  reg aclk, aresetn;
  reg [INPUT_BITS-1:0] s_axis_tdata;
  reg s_axis_tvalid, s_axis_tlast, m_axis_tready;
  wire [OUTPUT_BITS-1:0] m_axis_tdata;
  wire s_axis_tready, m_axis_tvalid, m_axis_tlast;

  @TOP@ dut (
    .aclk(aclk), .aresetn(aresetn),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .s_axis_tlast(s_axis_tlast),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
    .m_axis_tlast(m_axis_tlast)
  );

  integer stall, seed, timeout, record;
  integer cycle, sent, received, idle, drained;
  reg over, done, stopped, holding, held_last;
  reg [OUTPUT_BITS-1:0] held;
  reg [8*1024-1:0] record_path;

  initial begin
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    if (!$value$plusargs("timeout=%d", timeout)) timeout = @TIMEOUT@;
    record = 0;
    if ($value$plusargs("record=%s", record_path)) record = $fopen(record_path, "w");
    $readmemh("input.hex", inputs);
    if (record == 0) $readmemh("expected.hex", expected);
    aclk = 0; aresetn = 0;
    s_axis_tvalid = 0; s_axis_tlast = 0; s_axis_tdata = 0; m_axis_tready = 0;
    sent = 0; received = 0; idle = 0; drained = 0;
    over = 0; done = 0; holding = 0; held_last = 0; held = 0;
    cycle = -RESET_CYCLES;
  end

  always #5 aclk = ~aclk;

  // In each cycle the falling edge drives and the rising edge looks.
  always @(negedge aclk) if (cycle >= 0) begin
    aresetn = 1;
    if (!s_axis_tvalid && sent < NUM_INPUT && ({$random(seed)} % 100) >= stall) begin
      s_axis_tvalid = 1;
      s_axis_tdata = inputs[sent];
      s_axis_tlast = INPUT_FRAME != 0 && (sent + 1) % (INPUT_FRAME + (INPUT_FRAME == 0)) == 0;
    end
    m_axis_tready = done || ({$random(seed)} % 100) >= stall;
  end

  always @(posedge aclk) if (!over) begin
    if (cycle >= 0) check;
    cycle = cycle + 1;
  end

  task check;
    begin
      // Sampled before anything moves: the design changes its outputs after this edge.
      stopped = 1;
      if ((m_axis_tvalid ^ m_axis_tvalid) !== 1'b0 || (s_axis_tready ^ s_axis_tready) !== 1'b0)
        begin $display("FAIL: tvalid or tready is unknown (cycle %0d)", cycle); over = 1; end
      else if (holding && (!m_axis_tvalid || m_axis_tdata !== held || m_axis_tlast !== held_last))
        begin
          if (m_axis_tvalid) $display("FAIL: output beat %0d changes before it was taken (cycle %0d)", received, cycle);
          else $display("FAIL: output beat %0d is withdrawn before it was taken (cycle %0d)", received, cycle);
          over = 1;
        end
      else if (m_axis_tvalid && received == NUM_OUTPUT)
        begin
          $display("FAIL: an output beat too many comes after the expected %0d (cycle %0d)", NUM_OUTPUT, cycle);
          over = 1;
        end
      else begin
        holding = m_axis_tvalid && !m_axis_tready;
        held = m_axis_tdata;
        held_last = m_axis_tlast;
        if (m_axis_tvalid && m_axis_tready) take_output;
      end
      if (!over && s_axis_tvalid && s_axis_tready) begin
        if (record != 0) $fdisplay(record, "i %0d", cycle);
        sent = sent + 1;
        stopped = 0;
        s_axis_tvalid <= 0;  // the next falling edge may offer the next beat
      end
      idle = stopped && !done ? idle + 1 : 0;
      if (!over && idle > timeout) begin
        $display("FAIL: no beat moves for %0d cycles: stopped at cycle %0d with %0d of %0d input beats taken and %0d of %0d output beats given",
                 timeout, cycle, sent, NUM_INPUT, received, NUM_OUTPUT);
        over = 1;
      end
      if (!over && done) drained = drained + 1;
      if (!over && drained == DRAIN_CYCLES) begin
        if (record == 0) $display("PASS: %0d of %0d outputs equal", received, NUM_OUTPUT);
        over = 1;
      end
      done = sent == NUM_INPUT && received == NUM_OUTPUT;
      if (over) $finish;
    end
  endtask

  task take_output;
    begin
      if (OUTPUT_FRAME != 0 && m_axis_tlast !== ((received + 1) % (OUTPUT_FRAME + (OUTPUT_FRAME == 0)) == 0)) begin
        $display("FAIL: output beat %0d has tlast %b, but a frame has %0d beats (cycle %0d)",
                 received, m_axis_tlast, OUTPUT_FRAME, cycle);
        over = 1;
      end
      else if (record != 0) $fdisplay(record, "o %0d %h", cycle, m_axis_tdata);
      else if (m_axis_tdata !== expected[received]) begin
        $display("FAIL: output beat %0d is %h, expected %h (cycle %0d)",
                 received, m_axis_tdata, expected[received], cycle);
        over = 1;
      end
      received = received + 1;
      stopped = 0;
    end
  endtask
endmodule
