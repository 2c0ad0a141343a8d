// SPDX-License-Identifier: GPL-2.0

//! What the steps of a packet's way mean, in a few words for each function and event that matters.

/// The meaning of a function or event, if it is explained here. `detail` is that of its row.
pub fn meaning(name: &str, detail: &str) -> Option<&'static str> {
    let meaning = match name {
        // Before a packet comes.
        "__sock_create" => "makes a socket of the family",
        "inet_create" => "gives it the functions and the state of TCP or UDP",
        "sock_alloc_file" => "makes a file, to which a descriptor can refer",
        "inet_csk_get_port" => "checks that the port may be used, and reserves it",
        "inet_csk_listen_start" => "makes the accept queue; the socket listens",
        "inet_csk_accept" => "takes a connection off the accept queue",
        "repoll_create" => "makes an empty instance",
        "sock_poll" => "reports the ready events; of a new item, also hands over the wait queue",
        "add_wait_queue" => "puts an entry on a wait queue: its function runs at each wake-up",
        "repoll_add" => "the instance watches the file now",
        // The way out.
        "tcp_sendmsg" | "udp_sendmsg" => "takes the message from the system call",
        "tcp_stream_alloc_skb" => "makes an empty packet",
        "tcp_connect" => "sends a SYN",
        "tcp_write_xmit" => "sends as much as the windows allow",
        "skb_clone" => "a clone, which shares the data; the original stays in its queue",
        "__ip_queue_xmit" => "IP: finds the route and adds a header",
        "ip_make_skb" => "makes a packet with an IP header and copies the message into it",
        "nf_hook_slow" => "netfilter: runs the firewall's rules",
        "ip_finish_output2" => "finds the next hop; the frame needs its hardware address",
        "neigh_resolve_output" => "writes the frame's header, once the hardware address is known",
        "__neigh_event_send" => "confirms the address; if it is unknown, the packet waits",
        "arp_solicit" => "ARP asks which machine has the address",
        "arp_process" => "ARP: answers a question for this machine, or takes an answer",
        "neigh_update" => "the hardware address is known now: packets that waited are sent",
        "__dev_queue_xmit" => "hands the packet to the device's queueing discipline",
        "sch_direct_xmit" => "the queueing discipline hands the packet to the driver",
        "net_dev_start_xmit" => "the driver gets a frame of len bytes",
        "igb_xmit_frame_ring" => "puts a descriptor on the transmit ring and notifies the card",
        "start_xmit" => "puts a descriptor on the transmit virtqueue and notifies the host",
        "loopback_xmit" => "no card: the same machine receives the packet",
        // The way in.
        "irq_handler_entry" if detail.contains("-rx-") || detail.contains("-input.") => {
            "the card reports received packets"
        }
        "irq_handler_entry" if detail.contains("-tx-") || detail.contains("-output.") => {
            "the card reports sent packets"
        }
        "irq_handler_entry" => "the card reports received or sent packets",
        "igb_msix_ring" => "the driver's handler: puts the queue on this processor's poll list",
        "skb_recv_done" => "the driver's handler: packets were received",
        "skb_xmit_done" => "the driver's handler: packets were sent",
        "__napi_schedule" => "puts the queue on this processor's poll list",
        "softirq_raise" => "marks the receive soft interrupt pending",
        "__irq_exit_rcu" => "the hard interrupt is over: pending soft interrupts run",
        "__local_bh_enable_ip" => "soft interrupts are allowed again: pending ones run at once",
        "run_ksoftirqd" => "the kernel thread runs the pending soft interrupts",
        "handle_softirqs" => "runs the pending soft interrupts; hard interrupts are enabled",
        "net_rx_action" => "polls the queues on this processor's list, within a budget",
        "igb_poll" | "virtnet_poll" => "takes received packets off the ring; frees sent ones",
        "virtnet_poll_tx" => "frees the packets that were sent",
        "process_backlog" => "takes packets that this machine sent to itself",
        "skb_defer_free_flush" => "frees packets that other processors have finished with",
        "napi_consume_skb" => "frees a packet",
        "napi_complete_done" => "the ring is empty: passes on what GRO holds, ends the polling",
        "napi_poll" => "the poll of this queue ends; only received packets count",
        "dev_gro_receive" => "GRO may merge packets of one stream",
        "netif_receive_skb_list_internal" => "hands the packets to the protocols",
        "ip_rcv" | "ip_list_rcv" => "IP: checks the header and finds the destination",
        "ip_local_deliver" => "the packet is for this machine",
        "tcp_v4_rcv" => "TCP: finds the socket",
        "udp_rcv" => "UDP: finds the socket",
        "__release_sock" => "handles segments that came while the socket was in use",
        "tcp_rcv_established" => "TCP: handles a segment of an established connection",
        "tcp_data_queue" | "tcp_queue_rcv" | "__udp_enqueue_schedule_skb" => {
            "puts the data on the socket's receive queue"
        }
        "tcp_conn_request" => "a SYN: dropped if the accept queue is full, otherwise noted",
        "tcp_v4_send_synack" => "sends the SYN-ACK",
        "tcp_check_req" => "the handshake's ACK: looks up the noted request",
        "inet_csk_complete_hashdance" => "replaces the request by the connection",
        "inet_csk_reqsk_queue_add" => "the connection enters the accept queue",
        "tcp_retransmit_timer" => "no acknowledgement came in time: sends again",
        "tcp_delack_timer" => "the delayed acknowledgement is due",
        "tcp_recvmsg" => "copies received data to the process",
        "sk_stream_write_space" => "wakes the wait queue if a third of the send buffer is free",
        "kfree_skb" => "drops a packet",
        // The wake-up.
        "sock_def_readable" => "wakes the socket's wait queue, if it has entries",
        "repoll_callback" => "repoll's entry on the wait queue: the item becomes ready",
        "ep_poll_callback" => "epoll's entry on the wait queue: the item becomes ready",
        "repoll_wake" => "chooses a waiter of the instance",
        "rp_wake_task" => "wakes that waiter",
        "default_wake_function" => "makes the thread runnable",
        "woken_wake_function" => "the entry of a blocked thread: wakes that thread",
        "sched_waking" => "the scheduler begins to wake the thread",
        "sched_switch" => "the processor switches to this thread",
        "__x64_sys_fadvise64" => "a direct call of repoll",
        "repoll_deliver" => "the scan polls the file again and writes the event to user memory",
        "repoll_wait_exit" => "the wait ends",
        "asm_sysvec_apic_timer_interrupt" => "the timer interrupts the processor",
        _ => return None,
    };
    Some(meaning)
}
