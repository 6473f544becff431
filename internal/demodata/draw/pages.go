package draw

// The texts. Names, places and numbers are invented.

func orderFront(dpi float64) *sheet {
	s := newSheet(210, 297, dpi)
	s.text(20, 26, 15, true, "Tidewater Joinery")
	s.text(20, 32, 9.5, false, "4 Quay Lane, Saltmere   orders@tidewater.example")
	s.rule(20, 190, 36, 0.4)
	s.text(20, 52, 22, true, "Purchase Order")
	s.text(140, 46, 10.5, false, "Order number")
	s.text(140, 52, 12, true, "PO-2026-0417")
	s.text(140, 59, 10.5, false, "Date 17 April 2026")
	for i, line := range []string{"To", "Larkfield Timber Supply", "Mill Road 12", "Upper Larkfield"} {
		s.text(20, 68+float64(i)*5.5, 11, i == 1, line)
	}
	s.text(20, 98, 11, false, "Please deliver the goods below to our yard. Quote the order number on")
	s.text(20, 103.5, 11, false, "every note and invoice.")
	s.fill(20, 111, 190, 119, colorOf(226))
	s.text(22, 116.5, 10.5, true, "Item")
	s.right(128, 116.5, 10.5, true, "Quantity")
	s.right(156, 116.5, 10.5, true, "Unit price")
	s.right(188, 116.5, 10.5, true, "Amount")
	for i, row := range [][4]string{
		{"Oak boards, kiln dried, 27 mm", "48", "146.00", "7,008.00"},
		{"Ash squares, 60 by 60 mm", "120", "18.40", "2,208.00"},
		{"Brass butt hinges, 75 mm", "260", "6.35", "1,651.00"},
		{"Hardwax oil, clear, 2.5 litres", "16", "58.90", "942.40"},
		{"Abrasive discs, grit 180", "40", "13.41", "536.20"},
	} {
		y := 126 + float64(i)*9
		s.text(22, y, 11, false, row[0])
		s.right(128, y, 11, false, row[1])
		s.right(156, y, 11, false, row[2])
		s.right(188, y, 11, false, row[3])
		s.rule(20, 190, y+2.8, 0.15)
	}
	s.right(188, 180, 13, true, "Total EUR 12,345.60")
	s.text(20, 200, 11, false, "Cost centre 4410, workshop. Budget line approved for the second quarter.")
	s.text(20, 206, 11, false, "Questions are answered by Mara Lind, telephone extension 23.")
	s.text(20, 270, 9.5, false, "Tidewater Joinery is a made-up company. Page 1 of 4")
	return s
}

func orderTerms(dpi float64) *sheet {
	s := newSheet(210, 297, dpi)
	s.text(20, 30, 16, true, "Terms of this order")
	s.text(140, 30, 10.5, false, "Order PO-2026-0417")
	s.rule(20, 190, 35, 0.3)
	y := 48.0
	for _, part := range [][]string{
		{"1. Delivery", "Delivery is free to our yard on working days between seven and", "fifteen hours. The carrier announces each load one day ahead."},
		{"2. Quality", "Boards are free of live edges and of blue stain. Moisture is between", "eight and ten percent, measured at the yard on arrival."},
		{"3. Payment", "Invoices are paid within thirty days of receipt of the goods and of", "a correct invoice, whichever is later."},
		{"4. Returns", "What does not answer to the order is collected at the cost of the", "supplier within ten days of our notice."},
		{"5. Changes", "No change of price or quantity is valid unless both sides have", "signed it."},
	} {
		s.text(20, y, 12, true, part[0])
		for _, line := range part[1:] {
			y += 6
			s.text(20, y, 11, false, line)
		}
		y += 13
	}
	s.rule(20, 190, y, 0.2)
	s.text(20, y+10, 11.5, true, "Approved by two members of the board")
	s.rule(20, 90, y+36, 0.3)
	s.rule(110, 180, y+36, 0.3)
	s.text(20, y+42, 10, false, "Ines Aldana, purchasing")
	s.text(110, y+42, 10, false, "Tomas Rehn, finance")
	s.text(20, 270, 9.5, false, "Tidewater Joinery is a made-up company. Page 2 of 4")
	return s
}

func orderBack(dpi float64) *sheet { return newSheet(210, 297, dpi) }

// orderSchedule is a page across: 297 mm wide.
func orderSchedule(dpi float64) *sheet {
	s := newSheet(297, 210, dpi)
	s.text(22, 30, 17, true, "Delivery schedule")
	s.text(220, 30, 10.5, false, "Order PO-2026-0417")
	s.rule(22, 275, 35, 0.3)
	heads := [4]string{"Week", "Goods", "Place", "Contact"}
	at := [4]float64{22, 60, 160, 220}
	for i, h := range heads {
		s.text(at[i], 48, 12, true, h)
	}
	for i, row := range [][4]string{
		{"Week 18", "Oak boards, first half", "Bay three", "Mara Lind"},
		{"Week 19", "Oak boards, second half", "Bay three", "Mara Lind"},
		{"Week 20", "Ash squares and hinges", "Bay one", "Jonas Vik"},
		{"Week 21", "Oil and abrasives", "Paint store", "Jonas Vik"},
	} {
		y := 60 + float64(i)*12
		for c, cell := range row {
			s.text(at[c], y, 12, false, cell)
		}
		s.rule(22, 275, y+4, 0.15)
	}
	for i, line := range []string{
		"Lorries enter by the Harbour gate and leave by Quay Lane.",
		"Unloading takes about forty minutes with our own fork lift.",
		"The driver signs the delivery note at the office before leaving.",
	} {
		s.text(22, 122+float64(i)*8, 12, false, line)
	}
	s.text(22, 190, 9.5, false, "Tidewater Joinery is a made-up company. Page 4 of 4")
	return s
}

// note is an A5 page, set at twice the photo's resolution so that the camera
// has something to smooth.
func note(dpi float64) *sheet {
	s := newSheet(148, 210, dpi)
	s.text(14, 20, 14, true, "Larkfield Timber Supply")
	s.text(14, 26, 9.5, false, "Mill Road 12, Upper Larkfield")
	s.rule(14, 134, 30, 0.4)
	s.text(14, 46, 20, true, "Delivery Note")
	s.text(14, 56, 12, true, "DN-88213")
	s.right(134, 56, 11, false, "28 April 2026")
	s.text(14, 66, 11, false, "For your order PO-2026-0417")
	s.text(14, 74, 11, false, "Tidewater Joinery, 4 Quay Lane, Saltmere")
	s.fill(14, 82, 134, 90, colorOf(226))
	s.text(16, 87.5, 11, true, "Goods")
	s.right(132, 87.5, 11, true, "Pieces")
	for i, row := range [][2]string{
		{"Oak boards, kiln dried, 27 mm", "24"},
		{"Packing timbers, returnable", "6"},
		{"Straps, returnable", "8"},
	} {
		y := 98 + float64(i)*9
		s.text(16, y, 11.5, false, row[0])
		s.right(132, y, 11.5, false, row[1])
		s.rule(14, 134, y+3, 0.15)
	}
	s.text(14, 138, 11.5, false, "Moisture on loading: nine percent.")
	s.text(14, 146, 11.5, false, "Received in good order and complete.")
	s.rule(14, 80, 178, 0.3)
	s.text(14, 184, 10, false, "Name and date")
	return s
}
